# An alert to the sinks. Called by the subscriptions of diff, converged and report.

# What became of a commit, it reads where fan-out does: in Git, and in all of the state.
locals {
  has_git_hosts = length(var.git_hosts) > 0
}

module "deliver_alert" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-deliver-alert"
  account_id     = "${var.prefix}-deliver-alert"
  entry_point    = "deliverAlert"
  description    = "An alert: to every sink of the configuration"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = try(var.functions["deliver_alert"], local.has_git_hosts ? { memory = "512Mi" } : null)

  size      = { memory = "256Mi", cpu = "1", timeout = 120, concurrency = 10, max_instances = 5 }
  secrets   = { for folder, key in merge(local.sink_mounts, local.has_git_hosts ? merge(local.host_mounts, local.git_reader_mounts, local.ca_mounts, local.proxy_mounts) : {}) : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = local.has_git_hosts ? "all" : "own", writes = concat(["sinks/", "held/", "unreadable/"], local.has_git_hosts ? ["commits/"] : []) }
  publishes = { for name in ["dead-letter"] : name => local.function.topics[name] }
  callers   = { subscription = google_service_account.callers["deliver-alert"].member }
  vpc       = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}
