# A commit: which environments does it affect? Called by the subscription of change-committed.

module "fan_out" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-fan-out"
  account_id     = "${var.prefix}-fan-out"
  entry_point    = "fanOut"
  description    = "A commit: one job for each environment that it affects"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "fan_out", null)

  size      = { memory = "512Mi", cpu = "1", timeout = 540, concurrency = 4, max_instances = 5 }
  secrets   = { for folder, key in merge(local.git_reader_mounts, local.ca_mounts, local.proxy_mounts, local.host_mounts) : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = "all", writes = concat(["unreadable/", "unreachable/"], local.has_git_hosts ? ["commits/"] : []) }
  publishes = { for name in ["reconcile", "diff", "converged", "dead-letter"] : name => local.function.topics[name] }
  callers   = { subscription = google_service_account.callers["fan-out"].member }
  vpc       = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}
