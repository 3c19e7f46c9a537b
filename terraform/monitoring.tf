# The pipeline's own troubles. What it finds in the clusters it tells itself, on the topics diff and converged.

locals {
  services = "resource.type=\"cloud_run_revision\" resource.labels.service_name=monitoring.regex.full_match(\"${var.prefix}-.*\")"
  logs     = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${var.prefix}-\""
  channels = concat(var.notifications.channels, [for channel in google_monitoring_notification_channel.email : channel.id])

  # Cloud Monitoring takes 23 hours at the most.
  check_missing_minutes = var.check_missing_minutes != null ? var.check_missing_minutes : min(1380, max(30, 3 * local.check_minutes))

  # As PromQL names them. https://cloud.google.com/stackdriver/docs/managed-prometheus/promql#metrics-names
  metrics = {
    errors   = "logging_googleapis_com:user_${replace(google_logging_metric.errors.name, "/[^a-z0-9]/", "_")}"
    checks   = "logging_googleapis_com:user_${replace(google_logging_metric.checks.name, "/[^a-z0-9]/", "_")}"
    retried  = "logging_googleapis_com:user_${replace(google_logging_metric.retried.name, "/[^a-z0-9]/", "_")}"
    diverged = "logging_googleapis_com:user_${replace(google_logging_metric.diverged.name, "/[^a-z0-9]/", "_")}"
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.notifications.emails)

  project      = var.project
  display_name = "Converge: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.this]
}

# One line of a function that failed, or refused something, or of Cloud Run that killed it. Cloud Run's line of each request is none: it is an ERROR wherever the answer is 5xx,
# which every message is answered that is to come again, and by which a stranger could wake somebody. https://docs.cloud.google.com/run/docs/logging
resource "google_logging_metric" "errors" {
  project     = var.project
  name        = "${var.prefix}/errors"
  description = "Errors that Converge's functions logged"
  filter      = "${local.logs} AND severity>=ERROR AND NOT log_id(\"run.googleapis.com/requests\")"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key         = "function"
      value_type  = "STRING"
      description = "Name of the function"
    }
  }

  label_extractors = { function = "EXTRACT(resource.labels.service_name)" }

  depends_on = [google_project_service.this]
}

# One line of each full check: every environment was sent a look, every bucket was looked at.
resource "google_logging_metric" "checks" {
  project     = var.project
  name        = "${var.prefix}/checks"
  description = "Checks of the schedule that did all that was to be done"
  filter      = "${local.logs} AND jsonPayload.message=\"checkDrift done\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.this]
}

# One line of a function whose message, or call, comes again: what lasts is seen here long before the message is given up, as a dead letter.
resource "google_logging_metric" "retried" {
  project     = var.project
  name        = "${var.prefix}/retried"
  description = "Work of Converge's functions that failed, and is tried again"
  filter      = "${local.logs} AND severity=WARNING AND jsonPayload.message=~\" failed$\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key         = "function"
      value_type  = "STRING"
      description = "Name of the function"
    }

    labels {
      key         = "code"
      value_type  = "STRING"
      description = "Why: ClusterUnavailable, GitUnavailable, SecretUnavailable, ..."
    }
  }

  label_extractors = {
    function = "EXTRACT(resource.labels.service_name)"
    code     = "EXTRACT(jsonPayload.code)"
  }

  depends_on = [google_project_service.this]
}

# Each look at an environment that stays diverged says so once more.
resource "google_logging_metric" "diverged" {
  project     = var.project
  name        = "${var.prefix}/diverged"
  description = "Runs that left their environment diverged"
  filter      = "${local.logs} AND jsonPayload.message=\"reconcile done\" AND jsonPayload.result.outcome=\"diverged\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key         = "environment"
      value_type  = "STRING"
      description = "Class and name of the environment"
    }
  }

  label_extractors = { environment = "EXTRACT(jsonPayload.subject)" }

  depends_on = [google_project_service.this]
}

# Calls of nobody whom a function knows: a wrong signature of a webhook, a token that is not valid there. Anybody may send them, so they are counted and wake nobody.
resource "google_logging_metric" "turned_away" {
  project     = var.project
  name        = "${var.prefix}/turned-away"
  description = "Calls that Converge's functions turned away"
  filter      = "${local.logs} AND severity<ERROR AND jsonPayload.message=~\" let nobody in$\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    labels {
      key         = "function"
      value_type  = "STRING"
      description = "Name of the function"
    }

    labels {
      key         = "code"
      value_type  = "STRING"
      description = "Why: BadSignature, TooLarge, NotAuthenticated, ..."
    }
  }

  label_extractors = {
    function = "EXTRACT(resource.labels.service_name)"
    code     = "EXTRACT(jsonPayload.code)"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "dead_letters" {
  project               = var.project
  display_name          = "Converge: messages were refused or given up"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "Dead letters wait"

    condition_threshold {
      filter          = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND (${join(" OR ", [for letter in google_pubsub_subscription.letters : "resource.labels.subscription_id=\"${letter.name}\""])})"
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "`converge dead-letters` shows them: `reason` and `message` say why. `converge redrive` sends again what is mended; acknowledge what is settled (`gcloud pubsub subscriptions ack`), or this stays open."
  }
}

resource "google_monitoring_alert_policy" "errors" {
  project               = var.project
  display_name          = "Converge: a function logs errors"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "Errors"

    condition_prometheus_query_language {
      query               = "sum by (function) (increase(${local.metrics.errors}{monitored_resource=\"cloud_run_revision\"}[5m])) > 0"
      duration            = "0s"
      evaluation_interval = "60s"
      # A metric made of logs is there some minutes after it was made, and the policy would be refused until then.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The log of the function says which message, and why: `severity>=ERROR`, key `error`."
  }
}

# A message comes again after ten minutes at most: in a quarter of an hour one that fails shows at least once, and what failed once shows for no longer than that.
resource "google_monitoring_alert_policy" "retried" {
  project               = var.project
  display_name          = "Converge: messages fail, and come again"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "The same error for ${var.retried_minutes} minutes"

    condition_prometheus_query_language {
      query               = "sum by (function, code) (increase(${local.metrics.retried}{monitored_resource=\"cloud_run_revision\"}[15m])) > 0"
      duration            = "${(15 + var.retried_minutes) * 60}s"
      evaluation_interval = "60s"
      # A metric made of logs is there some minutes after it was made, and the policy would be refused until then.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Nothing is lost yet: messages are given up two hours after their first failure. The log of the function says what fails: `severity=WARNING`, keys `code` and `error`. A cluster, Git host or bucket that does not answer is also an alert of its own on the topic diff."
  }
}

# Also where it runs and fails: only a check counts that did all that was to be done.
resource "google_monitoring_alert_policy" "check_missing" {
  project               = var.project
  display_name          = "Converge: checkDrift has not run"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "No successful check"

    # A metric that never had a point is absent to no condition of absence: this counts, and takes nothing for none.
    condition_prometheus_query_language {
      query               = "(sum(increase(${local.metrics.checks}{monitored_resource=\"cloud_run_revision\"}[${floor(local.check_missing_minutes / 2)}m])) or vector(0)) == 0"
      duration            = "${ceil(local.check_missing_minutes / 2) * 60}s"
      evaluation_interval = "60s"
      # A metric made of logs is there some minutes after it was made, and the policy would be refused until then.
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Drift is not looked for, and commits and uploads that nobody announced are not found. See the job in Cloud Scheduler, then the function's log."
  }
}

resource "google_monitoring_alert_policy" "diff_open" {
  project               = var.project
  display_name          = "Converge: an environment stays diverged"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "Diverged for ${var.diff_open_minutes} minutes"

    condition_prometheus_query_language {
      # Twice the usual time between two checks, so that one late look does not end it.
      query               = "sum by (environment) (increase(${local.metrics.diverged}{monitored_resource=\"cloud_run_revision\"}[10m])) > 0"
      duration            = "${var.diff_open_minutes * 60}s"
      evaluation_interval = "60s"
      # A metric made of logs is there some minutes after it was made, and the policy would be refused until then.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "`converge status` says which, since when, and what differs."
  }
}

resource "google_billing_budget" "this" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "Converge in ${var.project}"

  budget_filter {
    projects = ["projects/${local.project_number}"]
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(floor(var.budget.units))
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  dynamic "all_updates_rule" {
    for_each = length(local.channels) > 0 ? [local.channels] : []

    content {
      # A budget tells five channels at the most.
      monitoring_notification_channels = slice(all_updates_rule.value, 0, min(5, length(all_updates_rule.value)))
    }
  }

  depends_on = [google_project_service.this]
}
