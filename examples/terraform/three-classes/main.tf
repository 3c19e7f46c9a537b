# Three classes with a repository, a bucket and pipelines each; a cluster for production in another project, and a private one for all else.

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }
}

variable "project" {
  description = "Id of the Google Cloud project of the pipeline."
  type        = string
}

variable "project_number" {
  description = "Its number."
  type        = string
}

variable "archive" {
  description = "The archive that `npm run build` makes."
  type        = string
  default     = "../../../dist/functions.zip"
}

variable "billing_account" {
  description = "Billing account of the budget; absent: no budget."
  type        = string
  default     = null
}

provider "google" {
  project = var.project
  region  = "europe-west1"
  # A budget is charged to, and allowed by, the project of the pipeline.
  billing_project       = var.project
  user_project_override = true
}

locals {
  # One GitHub App, installed on all three repositories: each function gets tokens that live an hour.
  github_app = { app_id = "4711", installation_id = "77" }
}

module "converge" {
  source = "../../../terraform"

  project        = var.project
  project_number = var.project_number
  region         = "europe-west1"
  archive        = var.archive
  labels         = { team = "platform" }

  repositories = {
    master = {
      url         = "https://github.com/family/master.git"
      conflicts   = "refuse"
      credentials = { secret = "converge-github-app", github_app = local.github_app }
      # Nothing reaches production that no allowed key signed.
      verify = { allowed_signers = { secret = "converge-allowed-signers" } }
    }
    staging = {
      url         = "https://github.com/family/staging.git"
      credentials = { secret = "converge-github-app", github_app = local.github_app }
    }
    develop = {
      url         = "https://gitlab.family.example/family/develop.git"
      credentials = { secret = "converge-gitlab", reader_secret = "converge-gitlab-read" }
      ca          = { secret = "converge-family-ca" }
      writeback   = false
      # A proxy that asks for a password.
      proxy_secret = "converge-proxy"
    }
  }

  author = { name = "Converge", email = "converge@family.example", signing_key = { secret = "converge-signing-key" } }

  clusters = {
    # In a project of its own, reached by its DNS name. Each environment acts as a user of its own: see `converge rbac`.
    production-eu = { gke = "projects/family-production/locations/europe-west1/clusters/prod", endpoint = "dns", identity = "environment" }
    # Private, reached through the gateway of its fleet.
    sandbox = {
      gke        = "projects/family-sandbox/locations/europe-west1/clusters/sandbox"
      endpoint   = "connect-gateway"
      membership = "projects/family-sandbox/locations/global/memberships/sandbox"
    }
  }

  webhooks = {
    github = { secret = "converge-webhook-github" }
    gitlab = { secret = "converge-webhook-gitlab" }
  }

  ci = {
    # Production: what is there of this pipeline's can be replaced and read, and nothing else.
    shop-master  = { class = "master", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65", branches = ["main"], objects = ["charts/shop"], rights = "replace" }
    shop-staging = { class = "staging", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65", rights = "replace" }
    # What `converge upload` needs, from another host.
    tools-develop  = { class = "develop", host = "gitlab", issuer = "https://gitlab.family.example", repository = "family/tools", repository_id = "22", owner_id = "7", rights = "follow" }
    portal-develop = { class = "develop", host = "jenkins", issuer = "https://jenkins.family.example/oidc", subjects = ["https://jenkins.family.example/job/portal/job/*"] }
  }

  sinks = {
    ops   = { url = "https://alerts.family.example/converge", secret = "converge-sink-ops" }
    chat  = { url_secret = "converge-chat-url" } # whoever knows such a URL may post
    team  = { slack = { channel = "C024BE91L" } }
    pager = { pagerduty = { routing_key_secret = "converge-pagerduty-key" }, only = [{ classes = ["master"], severities = ["critical", "error"] }, { kinds = ["dependency"] }] }
    space = { google_chat = {} }
    mail  = { email = { host = "smtp.family.example", from = "Converge <converge@family.example>", to = ["ops@family.example"], login_secret = "converge-smtp-login" } }
    hook  = { url = "https://hooks.family.example/converge", ed25519 = true, body = "cloudevents" }
  }

  # Whoever keeps this URL quiet keeps people asleep: it is in a secret.
  heartbeat = { url_secret = "converge-heartbeat" }

  # What differs, each Monday; a customer's own each day.
  reports = {
    weekly = { schedule = "0 6 * * 1", zone = "Europe/Berlin" }
    acme   = { schedule = "0 5 * * *", zone = "Europe/Berlin", classes = ["master"], labels = { customer = "acme" } }
  }

  status_callers = ["domain:family.example"]
  people = [
    { who = ["user:ana@family.example"], actions = ["*"] },
    { who = ["domain:family.example"], classes = ["staging", "develop"], actions = ["suspend", "resume", "acknowledge"] },
  ]
  notifications = { emails = ["ops@family.example"] }
  retention     = { days = 90, noncurrent_days = 365 }
  functions     = { reconcile = { memory = "4Gi", cpu = "2", max_instances = 50 } }
  budget        = var.billing_account == null ? null : { billing_account = var.billing_account, units = 50, currency = "EUR" }
}

output "converge" {
  description = "What CI and subscribers need to know."
  value = {
    buckets            = module.converge.buckets
    identity_providers = module.converge.identity_providers
    status             = module.converge.status_url
    webhook            = module.converge.webhook_url
    topics             = module.converge.topics
    dead_letters       = module.converge.dead_letters
    inspect            = module.converge.inspect_url
    act                = module.converge.act_url
    kubernetes_user    = module.converge.service_accounts["reconcile"]
    kubernetes_looker  = module.converge.service_accounts["inspect"]
    kubernetes_planner = module.converge.service_accounts["plan-change"]
    kubernetes_actor   = module.converge.service_accounts["act"]
  }
}
