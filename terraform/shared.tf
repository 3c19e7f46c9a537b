# What every function is given.

locals {
  function = {
    source  = { bucket = google_storage_bucket.source.name, object = google_storage_bucket_object.archive.name }
    build   = { service_account = google_service_account.build.id, repository = google_artifact_registry_repository.images.id, worker_pool = var.worker_pool }
    config  = { project = local.project_number, secret = google_secret_manager_secret.config.secret_id, version = google_secret_manager_secret_version.config.version }
    topics  = { for name, topic in google_pubsub_topic.this : name => topic.name }
    uploads = { for class, bucket in google_storage_bucket.uploads : class => bucket.name }
    state   = google_storage_bucket.state.name
  }
}
