# A bucket for each class, and the one that holds the state.

locals {
  buckets      = { for class, repository in var.repositories : class => coalesce(repository.bucket, "${var.project}-${var.prefix}-${class}") }
  state_bucket = "${var.project}-${var.prefix}-state"
}

# What CI uploads. A generation is never altered: replacing an object makes a version of the one before, and what is deleted can be restored; or, write-once, neither is possible.
resource "google_storage_bucket" "uploads" {
  for_each = local.buckets

  project                     = var.project
  name                        = each.value
  location                    = var.region
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = var.retention.mode == "versions"
  }

  dynamic "retention_policy" {
    for_each = var.retention.mode == "write-once" ? [var.retention.days] : []

    content {
      retention_period = retention_policy.value * 86400
      is_locked        = var.retention.locked
    }
  }

  soft_delete_policy {
    retention_duration_seconds = var.retention.mode == "versions" ? var.retention.days * 86400 : 604800
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.retention.noncurrent_days
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this]
}

# Leases, memories and the ledger: small, rewritten all the time, and rebuilt where they are lost. Retention would freeze them.
resource "google_storage_bucket" "state" {
  project                     = var.project
  name                        = local.state_bucket
  location                    = var.region
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  # Soft delete would keep, and charge for, every renewal of every lease.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.retention.state_noncurrent_days
      with_state                 = "ARCHIVED"
    }
  }

  # A renewed lease is worth nothing once it is replaced, and there are hundreds a day.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 3
      with_state         = "ARCHIVED"
      matches_suffix     = ["/lease.json", "/wanted.json"]
    }
  }

  # Deliveries of webhooks are remembered for 24 hours, and so are the keys of actions.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 2
      matches_prefix = ["acted/", "deliveries/"]
    }
  }

  # Plans of pull requests: what a run remembers of having used one is remembered for 35 days.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 30
      matches_prefix = ["plans/"]
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this]
}
