# The topics, and behind each one that a function is called for, the messages that were given up.

locals {
  topic_prefix = var.topic_prefix != null ? var.topic_prefix : "${var.prefix}-"

  topics = toset(["change-committed", "reconcile", "plan-change", "diff", "converged", "report", "dead-letter"])

  # A diff, a report and a dead letter hold values of any shape, which neither Avro nor Protocol Buffers can say without refusing valid ones.
  schemas = {
    reconcile        = { type = "AVRO", file = "reconcile.avsc" }
    change-committed = { type = "PROTOCOL_BUFFER", file = "change-committed.proto" }
    plan-change      = { type = "PROTOCOL_BUFFER", file = "plan-change.proto" }
    converged        = { type = "PROTOCOL_BUFFER", file = "converged.proto" }
  }

  # Who is called for what.
  deliveries = {
    change-committed = { topic = "change-committed", stage = "fan-out" }
    reconcile        = { topic = "reconcile", stage = "reconcile" }
    plan-change      = { topic = "plan-change", stage = "plan-change" }
    diff             = { topic = "diff", stage = "deliver-alert" }
    converged        = { topic = "converged", stage = "deliver-alert" }
    report           = { topic = "report", stage = "deliver-alert" }
  }

  # Each by its topic, and once more by the topic `redrive`, which leads to that function alone: `converge redrive` sends again what one of them did not take.
  pushes = merge(
    { for name, delivery in local.deliveries : name => merge(delivery, { from = delivery.topic, name = "${delivery.topic}-${delivery.stage}", filter = null }) },
    { for name, delivery in local.deliveries : "redrive-${name}" => merge(delivery, { from = "redrive", name = "redrive-${delivery.topic}", filter = "attributes.redrive = \"${delivery.topic}\"" }) },
  )

  # What nobody took any more is kept here until somebody looks.
  letters = toset(concat(["dead-letter"], [for delivery in values(local.deliveries) : "${delivery.topic}-given-up"]))
}

resource "google_pubsub_schema" "this" {
  for_each = var.topic_schemas ? local.schemas : {}

  project    = var.project
  name       = "${local.topic_prefix}${each.key}"
  type       = each.value.type
  definition = file("${path.module}/schemas/${each.value.file}")

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "this" {
  for_each = local.topics

  project                    = var.project
  name                       = "${local.topic_prefix}${each.value}"
  labels                     = var.labels
  message_retention_duration = "86400s"

  dynamic "schema_settings" {
    for_each = var.topic_schemas && contains(keys(local.schemas), each.value) ? [google_pubsub_schema.this[each.value].id] : []

    content {
      schema   = schema_settings.value
      encoding = "JSON"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "redrive" {
  project = var.project
  name    = "${local.topic_prefix}redrive"
  labels  = var.labels

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "given_up" {
  for_each = local.deliveries

  project = var.project
  name    = "${local.topic_prefix}${each.value.topic}-given-up"
  labels  = var.labels

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "letters" {
  for_each = local.letters

  project                    = var.project
  name                       = "${local.topic_prefix}${each.value}"
  topic                      = each.value == "dead-letter" ? google_pubsub_topic.this["dead-letter"].id : google_pubsub_topic.given_up[trimsuffix(each.value, "-given-up")].id
  labels                     = var.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "2592000s"

  expiration_policy {
    ttl = ""
  }
}

# Our own topics reach functions by subscriptions of our own: Eventarc's take no dead letters. https://cloud.google.com/pubsub/docs/payload-unwrapping
resource "google_pubsub_subscription" "deliveries" {
  for_each = local.pushes

  project = var.project
  name    = "${local.topic_prefix}${each.value.name}"
  topic   = each.value.from == "redrive" ? google_pubsub_topic.redrive.id : google_pubsub_topic.this[each.value.from].id
  filter  = each.value.filter
  labels  = var.labels

  # Longer than any function may run: what is still under way is not delivered again.
  ack_deadline_seconds       = 600
  message_retention_duration = "86400s"

  push_config {
    push_endpoint = local.urls[each.value.stage]

    oidc_token {
      service_account_email = google_service_account.callers[each.value.stage].email
      audience              = local.urls[each.value.stage]
    }

    no_wrapper {
      write_metadata = true
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.given_up[each.value.topic].id
    max_delivery_attempts = 20
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [
    module.fan_out, module.reconcile, module.plan_change, module.deliver_alert,
    google_pubsub_topic_iam_member.gives_up, google_service_account_iam_member.pubsub_calls,
  ]
}

resource "google_pubsub_topic_iam_member" "gives_up" {
  for_each = local.deliveries

  project = var.project
  topic   = google_pubsub_topic.given_up[each.key].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

# To give a message up is to acknowledge it.
resource "google_pubsub_subscription_iam_member" "gives_up" {
  for_each = local.pushes

  project      = var.project
  subscription = google_pubsub_subscription.deliveries[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
