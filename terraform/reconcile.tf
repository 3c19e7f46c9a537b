# One environment to what Git declares: the only function that reaches clusters. Called by the subscription of reconcile.

module "reconcile" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-reconcile"
  account_id     = "${var.prefix}-reconcile"
  entry_point    = "reconcile"
  description    = "One job: brings one environment to what Git declares"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "reconcile", null)

  # A render may take a gibibyte by itself (limits.renderMiB), so an instance does one job at a time. The sizes are those of functions/sizes.ts.
  size      = { memory = "2Gi", cpu = "1", timeout = 540, concurrency = 1, max_instances = 20 }
  secrets   = { for folder, key in merge(local.git_mounts, local.ca_mounts, local.proxy_mounts, local.signing_mounts, local.verify_mounts) : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = "all", writes = ["environments/", "looks/", "quarantine/", "writeback/", "unreadable/", "unreachable/"] }
  publishes = { for name in ["change-committed", "reconcile", "diff", "converged", "dead-letter"] : name => local.function.topics[name] }
  callers   = { subscription = google_service_account.callers["reconcile"].member }
  vpc       = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}

locals {
  gke_projects       = toset([for cluster in values(var.clusters) : split("/", cluster.gke)[1] if cluster.gke != null && cluster.endpoint != "connect-gateway"])
  developer_projects = toset([for cluster in values(var.clusters) : split("/", cluster.gke)[1] if cluster.gke != null && cluster.kubernetes_developer])
  fleet_projects     = toset([for cluster in values(var.clusters) : split("/", cluster.membership)[1] if cluster.membership != null])
}

# Where a cluster answers, and by which certificate, and to connect to it by its DNS name. What may be done in it, its RBAC says (`converge rbac`).
resource "google_project_iam_custom_role" "cluster_reader" {
  for_each = local.gke_projects

  project     = each.value
  role_id     = "${replace(var.prefix, "-", "_")}_cluster_reader"
  title       = "Converge: cluster reader"
  description = "Finds a cluster and connects to it, and may do nothing in it"
  permissions = ["container.clusters.connect", "container.clusters.get"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "reads_clusters" {
  for_each = local.gke_projects

  project = each.value
  role    = "projects/${each.value}/roles/${google_project_iam_custom_role.cluster_reader[each.value].role_id}"
  member  = module.reconcile.member
}

resource "google_project_iam_member" "develops_clusters" {
  for_each = local.developer_projects

  project = each.value
  role    = "roles/container.developer"
  member  = module.reconcile.member
}

resource "google_project_iam_member" "uses_gateway" {
  for_each = { for pair in setproduct(local.fleet_projects, ["roles/gkehub.gatewayEditor", "roles/gkehub.viewer"]) : join(" ", pair) => { project = pair[0], role = pair[1] } }

  project = each.value.project
  role    = each.value.role
  member  = module.reconcile.member
}

resource "google_secret_manager_secret_iam_member" "reads_kubeconfigs" {
  for_each = local.kubeconfigs

  project   = each.value.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = module.reconcile.member
}
