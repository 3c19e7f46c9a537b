output "buckets" {
  description = "Where CI uploads, by class."
  value       = { for class, bucket in google_storage_bucket.uploads : class => bucket.name }
}

output "state_bucket" {
  description = "Where the pipeline remembers."
  value       = google_storage_bucket.state.name
}

output "identity_providers" {
  description = "What a CI names to get its identity, by the entry of `ci`: the workload_identity_provider of google-github-actions/auth, and the like."
  value       = { for name, provider in google_iam_workload_identity_pool_provider.ci : name => provider.name }
}

output "status_accounts" {
  description = "The account whose ID token a pipeline with `rights: follow` asks for, by class; the token's audience is status_url."
  value       = { for class, account in google_service_account.ci : class => account.email }
}

output "topics" {
  description = "Topics, by name without prefix. Subscribe to diff and converged to be told, and to report for reports."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "dead_letters" {
  description = "Subscriptions that hold what was refused or given up."
  value       = [for subscription in google_pubsub_subscription.letters : subscription.id]
}

output "status_url" {
  description = "The status function."
  value       = local.urls["status"]
}

output "inspect_url" {
  description = "The inspect function."
  value       = local.urls["inspect"]
}

output "act_url" {
  description = "The act function."
  value       = local.urls["act"]
}

output "webhook_url" {
  description = "The URL for the webhooks of the Git hosts, or null where none was asked for."
  value       = length(var.webhooks) > 0 ? local.urls["receive-push"] : null
}

output "function_urls" {
  description = "The functions that are called over HTTP, by stage."
  value       = local.urls
}

output "functions" {
  description = "Entry point and names of the functions on Google Cloud."
  value = merge(
    { copyArtifact = [for function in module.copy_artifact : function.name] },
    { for stage, entry_point in merge(local.entry_points, { receive-push = "receivePush", status = "status", inspect = "inspect", act = "act" }) : entry_point => ["${var.prefix}-${stage}"] },
  )
}

output "service_accounts" {
  description = "Accounts that the functions run as. Those of reconcile, inspect, plan-change and act are the ones to grant rights in the clusters: that of act where people may `accept`, that of plan-change where pull requests are planned."
  value = merge(
    { for class, function in module.copy_artifact : "copy-artifact-${class}" => function.email },
    {
      receive-push = module.receive_push.email, fan-out = module.fan_out.email, reconcile = module.reconcile.email,
      check-drift  = module.check_drift.email, deliver-alert = module.deliver_alert.email, status = module.status.email,
      report       = module.report.email, inspect = module.inspect.email, act = module.act.email, plan-change = module.plan_change.email,
    },
  )
}

output "secrets_to_fill" {
  description = "Secrets that were created here, and what is to be put into each: gcloud secrets versions add SECRET --data-file=FILE."
  value = {
    for key in keys(google_secret_manager_secret.this) : google_secret_manager_secret.this[key].secret_id =>
    startswith(key, "git-") ? "credentials of the Git host, USER:PASSWORD or a token; or the private key of the GitHub App" :
    startswith(key, "ca-") ? "PEM certificates that the Git host is trusted by" :
    startswith(key, "signers-") ? "an allowed signers file of ssh-keygen" :
    startswith(key, "openpgp-") ? "armored public keys" :
    startswith(key, "webhook-") ? "the secret that the Git host signs its calls with" :
    startswith(key, "sink-") ? "what the sink asks for: the secret that its calls are signed with, the token of a Slack bot, an integration key of PagerDuty, or USER:PASSWORD of a mail server" :
    startswith(key, "host-") ? "a token that may write statuses, deployments and comments, and open pull requests; or the private key of the GitHub App" :
    startswith(key, "ed25519-") ? "the private ed25519 key that calls of the sink are signed with, as whsk_BASE64 or PEM" :
    startswith(key, "url-") ? "the URL of the sink's incoming webhook" : "a private SSH key without a passphrase"
  }
}

output "config" {
  description = "The configuration that the functions read. It holds no secret that can be told by its looks, but addresses of yours; the `converge` command takes it, too."
  value       = yamlencode(local.config)
  sensitive   = true
}
