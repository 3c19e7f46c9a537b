# The project: its number, the APIs, and the accounts that Google's services act by.

# Read while it is planned, before an API could be enabled: cloudresourcemanager has to be there, or project_number be given.
data "google_project" "this" {
  count = var.project_number == null ? 1 : 0

  project_id = var.project
}

locals {
  project_number = var.project_number != null ? var.project_number : data.google_project.this[0].number

  apis = toset(concat(
    [
      "artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "cloudfunctions.googleapis.com", "cloudresourcemanager.googleapis.com", "cloudscheduler.googleapis.com",
      "eventarc.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "logging.googleapis.com", "monitoring.googleapis.com",
      "pubsub.googleapis.com", "run.googleapis.com", "secretmanager.googleapis.com", "storage.googleapis.com",
    ],
    length(var.ci) > 0 ? ["sts.googleapis.com"] : [],
    length(local.gke_projects) > 0 ? ["container.googleapis.com"] : [],
    length(local.fleet_projects) > 0 ? ["gkehub.googleapis.com", "connectgateway.googleapis.com"] : [],
    var.budget != null ? ["billingbudgets.googleapis.com"] : [],
  ))

  pubsub_agent = "serviceAccount:service-${local.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_project_service" "this" {
  for_each = local.apis

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

# Reading it makes Google create the account, where the project has none yet.
data "google_storage_project_service_account" "this" {
  project    = var.project
  depends_on = [google_project_service.this]
}

# Eventarc has Cloud Storage publish the events of a bucket to a topic that Eventarc makes itself, so that this can be narrowed to no topic.
resource "google_project_iam_member" "storage_publishes_events" {
  project = var.project
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${local.project_number}@gs-project-accounts.iam.gserviceaccount.com"

  depends_on = [data.google_storage_project_service_account.this]
}
