# What all functions share: an account of its own, the rights that its stage names, on the resource wherever Google has them there, and the function.

resource "google_service_account" "this" {
  project      = var.project
  account_id   = var.account_id
  display_name = "Converge: ${var.entry_point}"
  description  = var.description
}

resource "google_secret_manager_secret_iam_member" "config" {
  project   = var.config.project
  secret_id = var.config.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this.member
}

resource "google_secret_manager_secret_iam_member" "secrets" {
  for_each = var.secrets

  project   = each.value.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this.member
}

resource "google_storage_bucket_iam_member" "reads_state" {
  for_each = var.state == null ? {} : { (var.state.reads) = var.state.bucket }

  bucket = each.value
  # Without the right to list, Cloud Storage answers 403 for an object that is not there.
  role   = each.key == "all" ? "roles/storage.objectViewer" : "roles/storage.legacyBucketReader"
  member = google_service_account.this.member
}

resource "google_storage_bucket_iam_member" "writes_state" {
  for_each = toset(var.state == null ? [] : var.state.writes)

  bucket = var.state.bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.this.member

  condition {
    title       = "only ${each.value}"
    description = "Objects of the state bucket whose names begin so"
    expression  = "resource.name.startsWith(\"projects/_/buckets/${var.state.bucket}/objects/${each.value}\")"
  }
}

resource "google_storage_bucket_iam_member" "reads_uploads" {
  for_each = var.uploads

  bucket = each.value
  role   = "roles/storage.objectViewer"
  member = google_service_account.this.member
}

resource "google_pubsub_topic_iam_member" "publishes" {
  for_each = var.publishes

  project = var.project
  topic   = each.value
  role    = "roles/pubsub.publisher"
  member  = google_service_account.this.member
}

resource "google_cloudfunctions2_function" "this" {
  project     = var.project
  location    = var.region
  name        = var.name
  description = var.description
  labels      = var.labels

  build_config {
    runtime           = "nodejs24"
    entry_point       = var.entry_point
    service_account   = var.build.service_account
    docker_repository = var.build.repository
    worker_pool       = var.build.worker_pool

    source {
      storage_source {
        bucket = var.source_archive.bucket
        object = var.source_archive.object
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.this.email
    available_memory                 = coalesce(var.overrides.memory, var.size.memory)
    available_cpu                    = coalesce(var.overrides.cpu, var.size.cpu)
    timeout_seconds                  = coalesce(var.overrides.timeout, var.size.timeout)
    max_instance_request_concurrency = coalesce(var.overrides.concurrency, var.size.concurrency)
    max_instance_count               = coalesce(var.overrides.max_instances, var.size.max_instances)
    min_instance_count               = var.overrides.min_instances != null ? var.overrides.min_instances : var.size.min_instances
    ingress_settings                 = { all = "ALLOW_ALL", load-balancer = "ALLOW_INTERNAL_AND_GCLB", internal = "ALLOW_INTERNAL_ONLY" }[var.ingress]
    all_traffic_on_latest_revision   = true

    environment_variables = {
      CONVERGE_CONFIG = "/etc/converge/config.yaml"
      # Otherwise the text of an error that nobody foresaw is in the answer.
      NODE_ENV = "production"
    }

    # By its number: a new configuration is a new revision of the function, which read it when it began.
    secret_volumes {
      mount_path = "/etc/converge"
      project_id = var.config.project
      secret     = var.config.secret
      versions {
        version = var.config.version
        path    = "config.yaml"
      }
    }

    dynamic "secret_volumes" {
      for_each = var.secrets

      content {
        mount_path = "/secrets/${secret_volumes.key}"
        project_id = secret_volumes.value.project
        secret     = secret_volumes.value.secret
        versions {
          version = secret_volumes.value.version
          path    = secret_volumes.value.file
        }
      }
    }

    direct_vpc_egress = var.vpc == null ? null : var.vpc.all_traffic ? "VPC_EGRESS_ALL_TRAFFIC" : "VPC_EGRESS_PRIVATE_RANGES_ONLY"

    dynamic "direct_vpc_network_interface" {
      for_each = var.vpc == null ? [] : [var.vpc]

      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
      }
    }
  }

  dynamic "event_trigger" {
    for_each = var.uploads_of == null ? [] : [var.uploads_of]

    content {
      event_type            = "google.cloud.storage.object.v1.finalized"
      trigger_region        = var.region
      service_account_email = event_trigger.value.caller
      retry_policy          = "RETRY_POLICY_RETRY"

      event_filters {
        attribute = "bucket"
        value     = event_trigger.value.bucket
      }
    }
  }

  # Cloud Run refuses a revision whose account may not read what it mounts.
  depends_on = [google_secret_manager_secret_iam_member.config, google_secret_manager_secret_iam_member.secrets]
}

resource "google_cloud_run_service_iam_member" "callers" {
  for_each = var.callers

  project  = var.project
  location = var.region
  service  = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value
}
