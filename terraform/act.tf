# What people do on purpose, for those of `people` that have actions, and for nobody else: commits, and requests to the other functions.

module "act" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-act"
  account_id     = "${var.prefix}-act"
  entry_point    = "act"
  description    = "What people do on purpose"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "act", null)

  # It reads a cluster and renders as inspect does, or holds an upload. The sizes are those of functions/sizes.ts.
  size      = { memory = "2Gi", cpu = "1", timeout = 120, concurrency = 1, max_instances = 3 }
  secrets   = { for folder, key in merge(local.git_mounts, local.ca_mounts, local.proxy_mounts, local.signing_mounts, local.verify_mounts, local.host_mounts) : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = "all", writes = ["acted/", "held/acknowledged/"] }
  publishes = merge({ for name in ["change-committed", "reconcile"] : name => local.function.topics[name] }, { for name in local.redrives ? ["redrive"] : [] : name => google_pubsub_topic.redrive.name })
  callers   = { for person in local.acting : person => person }
  ingress   = var.ingress.act
  vpc       = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}

# An upload that was refused is written once more, as it is: Cloud Storage asks for the right to delete where an object is replaced.
resource "google_storage_bucket_iam_member" "act_writes_uploads" {
  for_each = local.sends_again ? local.buckets : {}

  bucket = google_storage_bucket.uploads[each.key].name
  role   = "roles/storage.objectUser"
  member = module.act.member
}

# What was refused or given up is sent again, to the function that it was for.
resource "google_pubsub_subscription_iam_member" "act_takes_letters" {
  for_each = local.redrives ? local.letters : toset([])

  project      = var.project
  subscription = google_pubsub_subscription.letters[each.value].name
  role         = "roles/pubsub.subscriber"
  member       = module.act.member
}

# It finds and connects to the clusters of reconcile. What it may do in them, their RBAC says: to act as an environment (`converge rbac`), no more.
resource "google_project_iam_member" "act_finds_clusters" {
  for_each = local.gke_projects

  project = each.value
  role    = "projects/${each.value}/roles/${google_project_iam_custom_role.cluster_reader[each.value].role_id}"
  member  = module.act.member
}

resource "google_project_iam_member" "act_uses_gateway" {
  for_each = { for pair in setproduct(local.fleet_projects, ["roles/gkehub.gatewayEditor", "roles/gkehub.viewer"]) : join(" ", pair) => { project = pair[0], role = pair[1] } }

  project = each.value.project
  role    = each.value.role
  member  = module.act.member
}

resource "google_secret_manager_secret_iam_member" "act_reads_kubeconfigs" {
  for_each = local.kubeconfigs

  project   = each.value.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = module.act.member
}
