# A pull request: what would it do? Called by the subscription of plan-change. It acts as the environment where the cluster's `identity` says so.

module "plan_change" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-plan-change"
  account_id     = "${var.prefix}-plan-change"
  entry_point    = "planChange"
  description    = "A pull request: what it would do, shown by the Git host"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "plan_change", null)

  # It lists and renders what reconcile does, four environments at a time. The sizes are those of functions/sizes.ts.
  size      = { memory = "4Gi", cpu = "2", timeout = 540, concurrency = 1, max_instances = 3 }
  secrets   = { for folder, key in merge(local.git_reader_mounts, local.ca_mounts, local.proxy_mounts, local.verify_mounts, local.host_mounts) : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = "all", writes = ["plans/", "unreadable/"] }
  publishes = { for name in ["dead-letter"] : name => local.function.topics[name] }
  callers   = { subscription = google_service_account.callers["plan-change"].member }
  vpc       = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}

# It finds and connects to the clusters of reconcile. What it may do in them, their RBAC says: to act as an environment (`converge rbac`), no more.
resource "google_project_iam_member" "plans_on_clusters" {
  for_each = local.gke_projects

  project = each.value
  role    = "projects/${each.value}/roles/${google_project_iam_custom_role.cluster_reader[each.value].role_id}"
  member  = module.plan_change.member
}

resource "google_project_iam_member" "plans_by_gateway" {
  for_each = { for pair in setproduct(local.fleet_projects, ["roles/gkehub.gatewayEditor", "roles/gkehub.viewer"]) : join(" ", pair) => { project = pair[0], role = pair[1] } }

  project = each.value.project
  role    = each.value.role
  member  = module.plan_change.member
}

resource "google_secret_manager_secret_iam_member" "plan_change_reads_kubeconfigs" {
  for_each = local.kubeconfigs

  project   = each.value.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = module.plan_change.member
}
