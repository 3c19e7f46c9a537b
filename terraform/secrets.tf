# Secrets: named by the operator, or created here, empty, to be filled. Their content never passes through Terraform.

locals {
  # Where a name is null, the secret is created. A class may have any name: it stands behind what the secret is for, and nothing behind it.
  secret_names = merge(
    { for class, repository in var.repositories : "git-${class}" => repository.credentials.secret if repository.credentials != null },
    { for class, repository in var.repositories : "reader-${class}" => repository.credentials.reader_secret if try(repository.credentials.reader_secret, null) != null },
    { for class, repository in var.repositories : "ca-${class}" => repository.ca.secret if repository.ca != null },
    { for class, repository in var.repositories : "signers-${class}" => repository.verify.allowed_signers.secret if try(repository.verify.allowed_signers, null) != null },
    { for class, repository in var.repositories : "openpgp-${class}" => repository.verify.openpgp_keys.secret if try(repository.verify.openpgp_keys, null) != null },
    { for key in var.author.signing_key == null ? [] : ["signing-key"] : key => var.author.signing_key.secret },
    { for host, webhook in var.webhooks : "webhook-${host}" => webhook.secret },
    { for class, repository in var.repositories : "proxy-${class}" => repository.proxy_secret if repository.proxy_secret != null },
    # A token, a key or a login is the secret of its sink, as that of signatures is.
    { for name, sink in var.sinks : "sink-${name}" => sink.secret if sink.signed || sink.secret != null },
    { for name, sink in var.sinks : "sink-${name}" => sink.slack.token_secret if sink.slack != null },
    { for name, sink in var.sinks : "sink-${name}" => sink.pagerduty.routing_key_secret if sink.pagerduty != null },
    { for name, sink in var.sinks : "sink-${name}" => sink.email.login_secret if try(sink.email.login, false) },
    { for name, sink in var.sinks : "ed25519-${name}" => sink.ed25519_secret if sink.ed25519 || sink.ed25519_secret != null },
    { for name, sink in var.sinks : "url-${name}" => sink.url_secret if sink.url_secret != null },
    { for name, sink in var.sinks : "url-${name}" => sink.google_chat.url_secret if sink.google_chat != null && try(sink.google_chat.space, null) == null },
    { for name, host in var.git_hosts : "host-${name}" => host.secret },
    { for key in try(var.heartbeat.url_secret, null) == null ? [] : ["heartbeat"] : key => var.heartbeat.url_secret },
  )

  secrets = {
    for key, name in local.secret_names : key => {
      project = can(regex("^projects/", coalesce(name, "-"))) ? (split("/", name)[1] == var.project ? local.project_number : split("/", name)[1]) : local.project_number
      secret  = name == null ? google_secret_manager_secret.this[key].secret_id : element(split("/", name), length(split("/", name)) - 1)
      version = "latest"
      file    = "value"
    }
  }

  # The folder below /secrets, and the secret that is mounted there. Who only reads a repository gets credentials that only read, under the same path.
  git_mounts        = { for class, repository in var.repositories : "git-${class}" => "git-${class}" if repository.credentials != null }
  git_reader_mounts = { for class, repository in var.repositories : "git-${class}" => contains(keys(local.secret_names), "reader-${class}") ? "reader-${class}" : "git-${class}" if repository.credentials != null }
  ca_mounts         = { for class, repository in var.repositories : "ca-${class}" => "ca-${class}" if repository.ca != null }
  proxy_mounts      = { for key in keys(local.secret_names) : key => key if startswith(key, "proxy-") }
  signing_mounts    = { for key in keys(local.secret_names) : key => key if key == "signing-key" }
  heartbeat_mounts  = { for key in keys(local.secret_names) : key => key if key == "heartbeat" }
  verify_mounts     = { for key in keys(local.secret_names) : key => key if startswith(key, "signers-") || startswith(key, "openpgp-") }
  webhook_mounts    = { for host in keys(var.webhooks) : "webhook-${host}" => "webhook-${host}" }
  host_mounts       = { for key in keys(local.secret_names) : key => key if startswith(key, "host-") }
  sink_mounts       = { for key in keys(local.secret_names) : key => key if startswith(key, "sink-") || startswith(key, "ed25519-") || startswith(key, "url-") }
}

resource "google_secret_manager_secret" "this" {
  for_each = toset([for key, name in local.secret_names : key if name == null])

  project   = var.project
  secret_id = "${var.prefix}-${each.value}"
  labels    = var.labels

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? [true] : []
      content {}
    }

    dynamic "user_managed" {
      for_each = length(var.secret_locations) > 0 ? [var.secret_locations] : []

      content {
        dynamic "replicas" {
          for_each = user_managed.value

          content {
            location = replicas.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret" "config" {
  project   = var.project
  secret_id = "${var.prefix}-config"
  labels    = var.labels

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? [true] : []
      content {}
    }

    dynamic "user_managed" {
      for_each = length(var.secret_locations) > 0 ? [var.secret_locations] : []

      content {
        dynamic "replicas" {
          for_each = user_managed.value

          content {
            location = replicas.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_version" "config" {
  secret      = google_secret_manager_secret.config.id
  secret_data = yamlencode(local.config)

  # A revision mounts its version by number, and reads it whenever an instance starts: the new one is there before any function is told of it, and those before stay, for a
  # revision that still serves, and for the way back.
  deletion_policy = "ABANDON"

  lifecycle {
    create_before_destroy = true
  }
}
