# CI by Workload Identity Federation: a pipeline shows the token that its host signs for it, and holds no key. Each entry has a provider of its own, which lets in one
# repository's branches, for events that only those who may push to them cause, and calls all of them by the entry's name; the rights are those of that name, on one bucket.

locals {
  ci_branches = {
    master  = ["master", "main"]
    staging = ["release/*", "hotfix/*"]
    develop = ["develop", "feature/*"]
  }

  # A subject longer than 127 bytes is refused, and `sub` holds the name of the branch or job: https://docs.cloud.google.com/iam/docs/workload-identity-federation#mapping
  ci_hosts = {
    github = {
      issuer  = "https://token.actions.githubusercontent.com"
      claim   = "assertion.ref"
      ref     = "refs/heads/"
      subject = "'github:' + assertion.repository_id"
      events  = ["push", "schedule", "workflow_dispatch"]
    }
    gitlab = {
      issuer  = "https://gitlab.com"
      claim   = "assertion.ref"
      ref     = ""
      subject = "'gitlab:' + assertion.project_id"
      events  = ["push", "schedule", "web"]
    }
    jenkins = {
      issuer  = null
      claim   = "assertion.sub"
      ref     = ""
      subject = null
      events  = []
    }
  }

  # What the claim has to be: as it is, or as it begins where there is a * at the end.
  ci_texts = {
    for name, ci in var.ci : name => [
      for text in(ci.host == "jenkins" ? ci.subjects : coalesce(ci.branches, lookup(local.ci_branches, ci.class, []))) : "${local.ci_hosts[ci.host].ref}${text}"
    ]
  }

  ci_whence = {
    for name, ci in var.ci : name => "(${join(" || ", [
      for text in local.ci_texts[name] : endswith(text, "*") ? "${local.ci_hosts[ci.host].claim}.startsWith('${trimsuffix(text, "*")}')" : "${local.ci_hosts[ci.host].claim} == '${text}'"
    ])})"
  }

  ci_events = { for name, ci in var.ci : name => "[${join(", ", [for event in coalesce(ci.events, local.ci_hosts[ci.host].events) : "'${event}'"])}]" }

  # Who may write to a protected branch, its host says; of feature branches anybody may who may push.
  ci_protected = { for name, ci in var.ci : name => coalesce(ci.protected, ci.class != "develop") ? ["assertion.ref_protected == 'true'"] : [] }

  # A name can be claimed anew by others once its repository was renamed or deleted, a number cannot. The token of a pull request may carry a branch of its target as `ref`:
  # what it is for says the event alone.
  ci_conditions = {
    for name, ci in var.ci : name => join(" && ", {
      github = concat([
        "assertion.repository_id == '${coalesce(ci.repository_id, "-")}'", "assertion.repository_owner_id == '${coalesce(ci.owner_id, "-")}'",
        "assertion.repository == '${coalesce(ci.repository, "-")}'", "assertion.event_name in ${local.ci_events[name]}",
        "assertion.ref_type == 'branch'", local.ci_whence[name],
      ], local.ci_protected[name])
      gitlab = concat([
        "assertion.project_id == '${coalesce(ci.repository_id, "-")}'", "assertion.namespace_id == '${coalesce(ci.owner_id, "-")}'",
        "assertion.project_path == '${coalesce(ci.repository, "-")}'", "assertion.pipeline_source in ${local.ci_events[name]}",
        "assertion.ref_type == 'branch'", local.ci_whence[name],
      ], local.ci_protected[name])
      # Its token says what a job is, and not what started it: jobs of pull and merge requests are called PR-7 and MR-7 below the one of their repository.
      jenkins = concat([local.ci_whence[name]], anytrue([for subject in ci.subjects : endswith(subject, "*")]) ? [
        "!assertion.sub.contains('/job/PR-')", "!assertion.sub.contains('/job/MR-')",
      ] : [])
    }[ci.host])
  }

  # The objects that a pipeline may write, replace and read: all, or those whose names begin so.
  ci_objects = {
    for name, ci in var.ci : name => length(ci.objects) == 0 ? [] : [
      join(" || ", [for object in ci.objects : "resource.name.startsWith(\"projects/_/buckets/${local.buckets[ci.class]}/objects/${object}\")"])
    ]
  }

  ci_members = {
    for name, ci in var.ci :
    name => "principalSet://iam.googleapis.com/projects/${local.project_number}/locations/global/workloadIdentityPools/${one(google_iam_workload_identity_pool.ci[*].workload_identity_pool_id)}/attribute.pipeline/${name}"
  }

  ci_replacing = { for name, ci in var.ci : name => ci if ci.rights != "create" }
  ci_following = { for name, ci in var.ci : name => ci if ci.rights == "follow" }

  # Cloud Run takes tokens of accounts only: pipelines that follow their uploads ask for one of the account of their class.
  ci_followed = toset([for ci in values(local.ci_following) : ci.class])
}

resource "google_iam_workload_identity_pool" "ci" {
  count = length(var.ci) > 0 ? 1 : 0

  project                   = var.project
  workload_identity_pool_id = "${var.prefix}-ci"
  display_name              = "Converge: CI"
  description               = "Pipelines that upload"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "ci" {
  for_each = var.ci

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.ci[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "ci-${each.key}"
  display_name                       = each.key
  description                        = "Uploads to ${each.value.class}"
  attribute_condition                = local.ci_conditions[each.key]

  attribute_mapping = {
    "google.subject"     = coalesce(local.ci_hosts[each.value.host].subject, "'jenkins:${each.key}'")
    "attribute.pipeline" = "'${each.key}'"
  }

  oidc {
    issuer_uri        = coalesce(each.value.issuer, local.ci_hosts[each.value.host].issuer)
    allowed_audiences = each.value.audiences
    jwks_json         = each.value.jwks
  }

  lifecycle {
    precondition {
      condition     = length(local.ci_texts[each.key]) > 0
      error_message = "ci.${each.key}: the class ${each.value.class} has no usual branches: name some."
    }
  }
}

resource "google_storage_bucket_iam_member" "ci_creates" {
  for_each = var.ci

  bucket = google_storage_bucket.uploads[each.value.class].name
  role   = "roles/storage.objectCreator"
  member = local.ci_members[each.key]

  dynamic "condition" {
    for_each = local.ci_objects[each.key]

    content {
      title       = "only its own objects"
      description = "Objects whose names begin so"
      expression  = condition.value
    }
  }
}

# Cloud Storage asks for the right to delete where an object is replaced. Nothing is lost by it: what is deleted can be restored, and no deletion reaches Git.
resource "google_project_iam_custom_role" "ci_replacer" {
  count = length(local.ci_replacing) > 0 ? 1 : 0

  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}_ci_replacer"
  title       = "Converge: CI replacer"
  description = "Replaces objects"
  permissions = ["storage.objects.delete"]

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "ci_replaces" {
  for_each = local.ci_replacing

  bucket = google_storage_bucket.uploads[each.value.class].name
  role   = "projects/${var.project}/roles/${google_project_iam_custom_role.ci_replacer[0].role_id}"
  member = local.ci_members[each.key]

  dynamic "condition" {
    for_each = local.ci_objects[each.key]

    content {
      title       = "only its own objects"
      description = "Objects whose names begin so"
      expression  = condition.value
    }
  }
}

# gcloud and gsutil read the destination before they write to it, and take only 404 for "not there", which Cloud Storage answers to who may read and list; to others it answers 403.
# https://docs.cloud.google.com/storage/docs/access-control/iam-gcloud https://docs.cloud.google.com/storage/docs/access-control/iam-gsutil
# No permission is for the metadata alone: who may see that an object is there may read it. `objects` confines that to what the pipeline writes itself.
resource "google_project_iam_custom_role" "ci_reader" {
  count = length(var.ci) > 0 ? 1 : 0

  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}_ci_reader"
  title       = "Converge: CI reader"
  description = "Sees an object whose name it knows"
  permissions = ["storage.objects.get"]

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "ci_sees" {
  for_each = var.ci

  bucket = google_storage_bucket.uploads[each.value.class].name
  role   = "projects/${var.project}/roles/${google_project_iam_custom_role.ci_reader[0].role_id}"
  member = local.ci_members[each.key]

  dynamic "condition" {
    for_each = local.ci_objects[each.key]

    content {
      title       = "only its own objects"
      description = "Objects whose names begin so"
      expression  = condition.value
    }
  }
}

# Names of objects, and no content. A condition on names holds for no list.
resource "google_storage_bucket_iam_member" "ci_lists" {
  for_each = var.ci

  bucket = google_storage_bucket.uploads[each.value.class].name
  role   = "roles/storage.legacyBucketReader"
  member = local.ci_members[each.key]
}

resource "google_storage_bucket_iam_member" "ci_reads_ledger" {
  for_each = local.ci_following

  bucket = google_storage_bucket.state.name
  role   = "projects/${var.project}/roles/${google_project_iam_custom_role.ci_reader[0].role_id}"
  member = local.ci_members[each.key]

  condition {
    title       = "only the ledger of ${each.value.class}"
    description = "Which commit an upload became"
    expression  = "resource.name == \"projects/_/buckets/${google_storage_bucket.state.name}/objects/ledger/${each.value.class}.json\""
  }
}

# Until the first upload of a class became a commit there is no ledger: without the right to list, that would be 403. The names of environments, which are the names of
# objects here, are no news to who may ask for their status.
resource "google_storage_bucket_iam_member" "ci_lists_state" {
  for_each = local.ci_following

  bucket = google_storage_bucket.state.name
  role   = "roles/storage.legacyBucketReader"
  member = local.ci_members[each.key]
}

resource "google_service_account" "ci" {
  for_each = local.ci_followed

  project      = var.project
  account_id   = "${var.prefix}-ci-${each.value}"
  display_name = "Converge: asks for the status of ${each.value}"
  description  = "CI asks what became of an upload, and may do nothing else"

  depends_on = [google_project_service.this]
}

resource "google_service_account_iam_member" "ci_asks" {
  for_each = local.ci_following

  service_account_id = google_service_account.ci[each.value.class].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.ci_members[each.key]
}
