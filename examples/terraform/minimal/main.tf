# One class, one cluster, one pipeline that uploads: from an empty project to a running pipeline.

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
  description = "Id of the Google Cloud project."
  type        = string
}

variable "project_number" {
  description = "Its number; absent: it is looked up."
  type        = string
  default     = null
}

variable "archive" {
  description = "The archive that `npm run build` makes."
  type        = string
  default     = "../../../dist/functions.zip"
}

provider "google" {
  project = var.project
  region  = "europe-west1"
}

module "converge" {
  source = "../../../terraform"

  project        = var.project
  project_number = var.project_number
  region         = "europe-west1"
  archive        = var.archive

  repositories = {
    master = {
      url         = "https://github.com/family/master.git"
      credentials = { secret = "git-master" } # holds a token that may push; made beforehand
    }
  }

  clusters = {
    # Each environment acts as a Kubernetes user of its own, with the rights that `converge rbac` prints.
    production = { gke = "projects/${var.project}/locations/europe-west1/clusters/production", identity = "environment" }
  }

  ci = {
    # The numbers: gh api repos/family/shop --jq '.id, .owner.id'
    # replace: each build uploads the same name again. For `converge upload --wait` it is follow.
    shop = { class = "master", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65", rights = "replace" }
  }

  status_callers = ["user:ana@family.example"]
  people         = [{ who = ["user:ana@family.example"] }] # who may see what is in the clusters; with actions, who may do what
  notifications  = { emails = ["ops@family.example"] }
}

output "converge" {
  description = "What CI and subscribers need to know."
  value = {
    buckets            = module.converge.buckets
    identity_providers = module.converge.identity_providers
    status             = module.converge.status_url
    status_accounts    = module.converge.status_accounts
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

output "config" {
  description = "The configuration, for the `converge` command."
  value       = module.converge.config
  sensitive   = true
}
