# Who calls a function: an account for each, that may call this one and do nothing else.

resource "google_service_account" "callers" {
  for_each = toset(["copy-artifact", "fan-out", "reconcile", "plan-change", "check-drift", "deliver-alert", "report"])

  project      = var.project
  account_id   = "${var.prefix}-call-${each.value}"
  display_name = "Converge: calls ${each.value}"

  depends_on = [google_project_service.this]
}

# Pub/Sub signs a token as the caller for each message that it pushes.
resource "google_service_account_iam_member" "pubsub_calls" {
  for_each = toset(["fan-out", "reconcile", "plan-change", "deliver-alert"])

  service_account_id = google_service_account.callers[each.value].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent

  # In a new project the agent is made with the first topic.
  depends_on = [google_pubsub_topic.this]
}

# Eventarc hands the events of buckets to whoever may receive events; which bucket's is said by the trigger.
resource "google_project_iam_member" "receives_events" {
  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.callers["copy-artifact"].member
}
