# The schedule: sends a look at every environment, and finds commits and uploads that nobody announced. Called by Cloud Scheduler.

locals {
  check_count    = tonumber(regex("^[0-9]+", var.check_interval))
  check_minutes  = endswith(var.check_interval, "h") ? local.check_count * 60 : local.check_count
  check_schedule = endswith(var.check_interval, "h") ? "0 */${local.check_count} * * *" : "*/${local.check_count} * * * *"
}

module "check_drift" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-check-drift"
  account_id     = "${var.prefix}-check-drift"
  entry_point    = "checkDrift"
  description    = "The schedule: a look at every environment, and at what nobody announced"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "check_drift", null)

  size    = { memory = "1Gi", cpu = "1", timeout = 540, concurrency = 1, max_instances = 2 }
  secrets = { for folder, key in merge(local.git_mounts, local.ca_mounts, local.proxy_mounts, local.signing_mounts, local.heartbeat_mounts) : folder => local.secrets[key] }
  state   = { bucket = local.function.state, reads = "all", writes = ["heads/", "intake/", "ledger/", "writeback/", "looks/", "held/", "unreadable/", "unreachable/"] }
  uploads = local.function.uploads
  # By `redrive` it has `deliverAlert` tell sinks what waited, and nobody else who subscribes to alerts.
  publishes = merge(
    { for name in ["change-committed", "reconcile", "diff", "converged", "dead-letter"] : name => local.function.topics[name] },
    { redrive = google_pubsub_topic.redrive.name },
  )
  callers = { scheduler = google_service_account.callers["check-drift"].member }
  vpc     = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}

resource "google_cloud_scheduler_job" "check_drift" {
  project          = var.project
  region           = var.region
  name             = "${var.prefix}-check-drift"
  description      = "Converge looks at every environment"
  schedule         = local.check_schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "600s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "10s"
    max_backoff_duration = "60s"
  }

  http_target {
    http_method = "POST"
    uri         = local.urls["check-drift"]

    oidc_token {
      service_account_email = google_service_account.callers["check-drift"].email
      audience              = local.urls["check-drift"]
    }
  }

  depends_on = [google_project_service.this, module.check_drift]
}
