# One page: is it alive, is it fast, is anything stuck.

locals {
  charts = [
    {
      title   = "Calls, by function"
      filter  = "metric.type=\"run.googleapis.com/request_count\" ${local.services}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.service_name"]
    },
    {
      title   = "Answers other than 2xx, by function"
      filter  = "metric.type=\"run.googleapis.com/request_count\" metric.labels.response_code_class!=\"2xx\" ${local.services}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.service_name", "metric.label.response_code_class"]
    },
    {
      title   = "Time of a call, 95th percentile (ms)"
      filter  = "metric.type=\"run.googleapis.com/request_latencies\" ${local.services}"
      aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = ["resource.label.service_name"]
    },
    {
      title   = "Memory, 95th percentile (share of what it has)"
      filter  = "metric.type=\"run.googleapis.com/container/memory/utilizations\" ${local.services}"
      aligner = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = ["resource.label.service_name"]
    },
    {
      title   = "Environments that stay diverged (looks in ten minutes)"
      filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.diverged.name}\" resource.type=\"cloud_run_revision\""
      aligner = "ALIGN_SUM", reducer = "REDUCE_SUM", by = ["metric.label.environment"]
    },
    {
      title   = "Errors in the logs, by function"
      filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.errors.name}\" resource.type=\"cloud_run_revision\""
      aligner = "ALIGN_SUM", reducer = "REDUCE_SUM", by = ["metric.label.function"]
    },
    {
      title   = "Calls that were turned away, by function and reason"
      filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.turned_away.name}\" resource.type=\"cloud_run_revision\""
      aligner = "ALIGN_SUM", reducer = "REDUCE_SUM", by = ["metric.label.function", "metric.label.code"]
    },
    {
      title   = "Oldest message that waits (s)"
      filter  = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.type=\"pubsub_subscription\""
      aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"]
    },
    {
      title   = "Messages that wait, dead letters among them"
      filter  = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" resource.type=\"pubsub_subscription\""
      aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["resource.label.subscription_id"]
    },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project

  dashboard_json = jsonencode({
    displayName = "Converge"
    mosaicLayout = {
      columns = 48
      tiles = [
        for index, chart in local.charts : {
          xPos   = index % 2 * 24
          yPos   = floor(index / 2) * 16
          width  = 24
          height = 16
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = startswith(chart.title, "Environments") ? "600s" : "60s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.by
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.this]
}
