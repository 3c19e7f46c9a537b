# A push to Git, or a pull request: called by the Git host, authentic by its signature.

module "receive_push" {
  source = "./function"

  project        = var.project
  region         = var.region
  name           = "${var.prefix}-receive-push"
  account_id     = "${var.prefix}-receive-push"
  entry_point    = "receivePush"
  description    = "The Git host's webhook: announces what was pushed"
  labels         = var.labels
  source_archive = local.function.source
  build          = local.function.build
  config         = local.function.config
  overrides      = lookup(var.functions, "receive_push", null)

  size      = { memory = "256Mi", cpu = "1", timeout = 60, concurrency = 40, max_instances = 5 }
  secrets   = { for folder, key in local.webhook_mounts : folder => local.secrets[key] }
  state     = { bucket = local.function.state, reads = "own", writes = ["deliveries/", "unreadable/"] }
  publishes = { for name in ["change-committed", "plan-change"] : name => local.function.topics[name] }

  # A Git host has no identity at Google: anybody reaches it, and the signature of the call decides. Only where a webhook was asked for.
  callers = length(var.webhooks) > 0 && var.webhook_door == "all-users" ? { git-host = "allUsers" } : {}
  ingress = var.ingress.receive_push

  # It calls Google alone, and needs no network of its own, but where a policy says that nothing leaves past it.
  vpc = try(var.vpc.all_traffic, false) ? var.vpc : null

  depends_on = [google_project_iam_member.build_logs, google_project_iam_member.build_reads_copies, google_artifact_registry_repository_iam_member.build_writes, google_storage_bucket_iam_member.build_reads]
}

# Nothing in the API of functions says it, and a deployment of the function may take it back: so it is said after each. https://docs.cloud.google.com/run/docs/securing/managing-access#disable-invoker-iam-check
resource "terraform_data" "webhook_door" {
  count = length(var.webhooks) > 0 && var.webhook_door == "no-invoker-check" ? 1 : 0

  triggers_replace = [module.receive_push.name, module.receive_push.updated]

  provisioner "local-exec" {
    command = "gcloud run services update ${module.receive_push.name} --project=${var.project} --region=${var.region} --no-invoker-iam-check --quiet"
  }
}
