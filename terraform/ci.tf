# CI by Workload Identity Federation: a pipeline shows the token that its host signs for it, and holds no key. Each entry has a provider of its own, which lets in one
# repository's branches and calls all of them by the entry's name; the rights are those of that name, on one bucket.

locals {
  ci_branches = {
    master  = ["master", "main"]
    staging = ["release/*", "hotfix/*"]
    develop = ["develop", "feature/*"]
  }

  ci_hosts = {
    github = {
      issuer = "https://token.actions.githubusercontent.com"
      claim  = "assertion.ref"
      ref    = "refs/heads/"
    }
    gitlab = {
      issuer = "https://gitlab.com"
      claim  = "assertion.ref"
      ref    = ""
    }
    jenkins = {
      issuer = null
      claim  = "assertion.sub"
      ref    = ""
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

  ci_conditions = {
    for name, ci in var.ci : name => {
      # Neither a tag nor a pull request is a branch.
      github  = "assertion.repository == '${coalesce(ci.repository, "-")}' && assertion.ref_type == 'branch' && ${local.ci_whence[name]}"
      gitlab  = "assertion.project_path == '${coalesce(ci.repository, "-")}' && assertion.ref_type == 'branch' && ${local.ci_whence[name]}"
      jenkins = local.ci_whence[name]
    }[ci.host]
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
    "google.subject"     = "assertion.sub"
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
}

# Cloud Storage asks for the right to delete where an object is replaced. Nothing is lost by it: what is deleted can be restored, and no deletion reaches Git.
resource "google_project_iam_custom_role" "ci_replacer" {
  count = length(local.ci_replacing) > 0 ? 1 : 0

  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}_ci_replacer"
  title       = "Converge: CI replacer"
  description = "Replaces objects"
  permissions = ["storage.objects.delete"]
}

resource "google_storage_bucket_iam_member" "ci_replaces" {
  for_each = local.ci_replacing

  bucket = google_storage_bucket.uploads[each.value.class].name
  role   = "projects/${var.project}/roles/${google_project_iam_custom_role.ci_replacer[0].role_id}"
  member = local.ci_members[each.key]
}

resource "google_project_iam_custom_role" "ci_follower" {
  count = length(local.ci_following) > 0 ? 1 : 0

  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}_ci_follower"
  title       = "Converge: CI follower"
  description = "Sees an object whose name it knows"
  permissions = ["storage.objects.get"]
}

resource "google_storage_bucket_iam_member" "ci_sees" {
  for_each = local.ci_following

  bucket = google_storage_bucket.uploads[each.value.class].name
  role   = "projects/${var.project}/roles/${google_project_iam_custom_role.ci_follower[0].role_id}"
  member = local.ci_members[each.key]
}

# Without the right to list, Cloud Storage answers 403 and not 404 for an object that is not there yet.
resource "google_storage_bucket_iam_member" "ci_lists" {
  for_each = local.ci_following

  bucket = google_storage_bucket.uploads[each.value.class].name
  role   = "roles/storage.legacyBucketReader"
  member = local.ci_members[each.key]
}

resource "google_storage_bucket_iam_member" "ci_reads_ledger" {
  for_each = local.ci_following

  bucket = google_storage_bucket.state.name
  role   = "projects/${var.project}/roles/${google_project_iam_custom_role.ci_follower[0].role_id}"
  member = local.ci_members[each.key]

  condition {
    title       = "only the ledger of ${each.value.class}"
    description = "Which commit an upload became"
    expression  = "resource.name == \"projects/_/buckets/${google_storage_bucket.state.name}/objects/ledger/${each.value.class}.json\""
  }
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
