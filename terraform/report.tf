# Reports: what differs, what was healed and what was taken back. Called by Cloud Scheduler, by a job for each of `reports`.

module "report" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-report"
  account_id     = "${var.prefix}-report"
  entry_point    = "report"
  description    = "A report of what differs, kept in the state bucket"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "report", null)

  size      = { memory = "512Mi", cpu = "1", timeout = 300, concurrency = 1, max_instances = 2 }
  secrets   = { for folder, key in merge(local.git_reader_mounts, local.ca_mounts, local.proxy_mounts) : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = "all", writes = ["reports/", "unreadable/"] }
  publishes = { for name in ["report"] : name => local.function.topics[name] }
  callers   = { scheduler = google_service_account.callers["report"].member }
  vpc       = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}

resource "google_cloud_scheduler_job" "report" {
  for_each = var.reports

  project          = var.project
  region           = var.region
  name             = "${var.prefix}-report-${each.key}"
  description      = "Converge makes the report ${each.key}"
  schedule         = each.value.schedule
  time_zone        = each.value.zone
  attempt_deadline = "320s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "30s"
    max_backoff_duration = "300s"
  }

  http_target {
    http_method = "POST"
    uri         = "${local.urls["report"]}/?report=${each.key}"

    oidc_token {
      service_account_email = google_service_account.callers["report"].email
      audience              = local.urls["report"]
    }
  }

  depends_on = [google_project_service.this, module.report]
}
