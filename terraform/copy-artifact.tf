# An upload becomes a commit: one function for each class, so that none reads the uploads, or holds the credentials, of another class. Called by Eventarc.

module "copy_artifact" {
  source   = "./function"
  for_each = var.repositories

  project        = var.project
  region         = var.region
  name           = local.copy_names[each.key]
  account_id     = "${var.prefix}-copy-${each.key}"
  entry_point    = "copyArtifact"
  description    = "An upload to ${each.key}: commits it, and announces the commit"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "copy_artifact", null)

  # Uploads of one burst become one commit where one instance takes them all; the lease in the state bucket holds where there are several.
  size       = { memory = "1Gi", cpu = "1", timeout = 540, concurrency = 80, max_instances = 2 }
  secrets    = { for folder, key in merge(local.git_mounts, local.ca_mounts, local.proxy_mounts, local.signing_mounts) : folder => local.secrets[key] if contains(["git-${each.key}", "ca-${each.key}", "proxy-${each.key}", "signing-key"], folder) }
  state      = { bucket = local.function.state, reads = "all", writes = ["intake/${each.key}/", "ledger/${each.key}.json", "unreadable/${each.key}/", "unreachable/${each.key}/"] }
  uploads    = { (each.key) = local.function.uploads[each.key] }
  publishes  = { for name in ["change-committed", "diff", "converged", "dead-letter"] : name => local.function.topics[name] }
  callers    = { eventarc = google_service_account.callers["copy-artifact"].member }
  uploads_of = { bucket = local.function.uploads[each.key], caller = google_service_account.callers["copy-artifact"].email }
  vpc        = var.vpc

  depends_on = [
    google_project_iam_member.storage_publishes_events, google_project_iam_member.receives_events,
    google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads,
  ]
}
