# What is in the cluster of an environment, for the people of `people`, and for nobody else. It acts as the environment where the cluster's `identity` says so.

module "inspect" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-inspect"
  account_id     = "${var.prefix}-inspect"
  entry_point    = "inspect"
  description    = "What is in the cluster of an environment, for people"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "inspect", null)

  # It lists and renders what reconcile does. The sizes are those of functions/sizes.ts.
  size    = { memory = "2Gi", cpu = "1", timeout = 120, concurrency = 1, max_instances = 3 }
  secrets = { for folder, key in merge(local.git_reader_mounts, local.ca_mounts, local.proxy_mounts, local.verify_mounts) : folder => local.secrets[key] }
  state   = { bucket = local.function.state, reads = "all" }
  callers = { for person in distinct(flatten([for entry in var.people : entry.who])) : person => person }
  ingress = var.ingress.inspect
  vpc     = var.vpc

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}

# It finds and connects to the clusters of reconcile. What it may do in them, their RBAC says: to act as an environment (`converge rbac`), no more.
resource "google_project_iam_member" "inspects_clusters" {
  for_each = local.gke_projects

  project = each.value
  role    = "projects/${each.value}/roles/${google_project_iam_custom_role.cluster_reader[each.value].role_id}"
  member  = module.inspect.member
}

resource "google_project_iam_member" "inspects_by_gateway" {
  for_each = { for pair in setproduct(local.fleet_projects, ["roles/gkehub.gatewayEditor", "roles/gkehub.viewer"]) : join(" ", pair) => { project = pair[0], role = pair[1] } }

  project = each.value.project
  role    = each.value.role
  member  = module.inspect.member
}

resource "google_secret_manager_secret_iam_member" "inspect_reads_kubeconfigs" {
  for_each = local.kubeconfigs

  project   = each.value.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = module.inspect.member
}
