# An alert to the sinks. Called by the subscriptions of diff and converged.

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
  overrides      = lookup(var.functions, "deliver_alert", null)

  size      = { memory = "256Mi", cpu = "1", timeout = 120, concurrency = 10, max_instances = 5 }
  secrets   = { for folder, key in local.sink_mounts : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = "own", writes = ["sinks/", "held/", "unreadable/"] }
  publishes = { for name in ["dead-letter"] : name => local.function.topics[name] }
  callers   = { subscription = google_service_account.callers["deliver-alert"].member }
  vpc       = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}
