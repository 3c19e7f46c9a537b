# Every environment as JSON, for those who are named in status_callers.

module "status" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-status"
  account_id     = "${var.prefix}-status"
  entry_point    = "status"
  description    = "Every environment as JSON"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "status", null)

  size    = { memory = "512Mi", cpu = "1", timeout = 60, concurrency = 20, max_instances = 3 }
  secrets = { for folder, key in merge(local.git_reader_mounts, local.ca_mounts, local.proxy_mounts) : folder => local.secrets[key] }
  state   = { bucket = local.function.state, reads = "all" }
  callers = merge({ for caller in var.status_callers : caller => caller }, { for class, account in google_service_account.ci : "ci-${class}" => account.member })
  ingress = var.ingress.status
  vpc     = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}
