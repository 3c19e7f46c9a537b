# What is refused before anything is planned, each with a sentence that says what would be right.

mock_provider "google" {
  # Others check what these look like.
  mock_resource "google_service_account" {
    defaults = {
      email  = "mocked@family-insurance.iam.gserviceaccount.com"
      member = "serviceAccount:mocked@family-insurance.iam.gserviceaccount.com"
      name   = "projects/family-insurance/serviceAccounts/mocked@family-insurance.iam.gserviceaccount.com"
    }
  }
}

variables {
  project        = "family-insurance"
  project_number = "123456789012"
  region         = "europe-west1"
  archive        = "versions.tf"
  repositories   = { master = { url = "https://github.com/family/master.git" } }
  clusters       = { production = { gke = "projects/family-production/locations/europe-west1/clusters/prod" } }
}

run "refuses_a_url_with_credentials" {
  command = plan

  variables {
    repositories = { master = { url = "https://user:password@github.com/family/master.git" } }
  }

  expect_failures = [var.repositories]
}

run "refuses_a_class_whose_accounts_have_no_room" {
  command = plan

  variables {
    repositories = { production-eu-west = { url = "https://github.com/family/master.git" } }
  }

  expect_failures = [var.repositories]
}

run "refuses_a_cluster_by_another_name_than_its_resource_name" {
  command = plan

  variables {
    clusters = { production = { gke = "prod" } }
  }

  expect_failures = [var.clusters]
}

run "refuses_a_cluster_of_two_kinds" {
  command = plan

  variables {
    clusters = { production = { gke = "projects/p/locations/l/clusters/c", kubeconfig_secret = "kubeconfig" } }
  }

  expect_failures = [var.clusters]
}

run "refuses_a_gateway_without_membership" {
  command = plan

  variables {
    clusters = { production = { gke = "projects/p/locations/l/clusters/c", endpoint = "connect-gateway" } }
  }

  expect_failures = [var.clusters]
}

run "refuses_to_act_as_environments_through_a_gateway" {
  command = plan

  variables {
    clusters = {
      production = {
        gke        = "projects/p/locations/l/clusters/c"
        endpoint   = "connect-gateway"
        membership = "projects/p/locations/global/memberships/c"
        identity   = "environment"
      }
    }
  }

  expect_failures = [var.clusters]
}

run "refuses_the_public_as_caller_of_status" {
  command = plan

  variables {
    status_callers = ["allUsers"]
  }

  expect_failures = [var.status_callers]
}

run "refuses_a_service_account_among_people" {
  command = plan

  variables {
    people = [{ who = ["user:converge-ci-master@family.iam.gserviceaccount.com"] }]
  }

  expect_failures = [var.people]
}

run "refuses_an_action_of_people_that_is_none" {
  command = plan

  variables {
    people = [{ who = ["user:ana@family.example"], actions = ["suspned"] }]
  }

  expect_failures = [var.people]
}

run "refuses_a_group_as_caller_of_status" {
  command = plan

  variables {
    status_callers = ["group:ops@family.example"]
  }

  expect_failures = [var.status_callers]
}

run "refuses_an_unknown_git_host" {
  command = plan

  variables {
    webhooks = { sourceforge = {} }
  }

  expect_failures = [var.webhooks]
}

run "refuses_a_function_that_outlives_its_delivery" {
  command = plan

  variables {
    functions = { reconcile = { timeout = 3600 } }
  }

  expect_failures = [var.functions]
}

run "refuses_an_unknown_stage" {
  command = plan

  variables {
    functions = { copyArtifact = { memory = "1Gi" } }
  }

  expect_failures = [var.functions]
}

run "refuses_a_pipeline_of_no_class" {
  command = plan

  variables {
    ci = { shop = { class = "staging", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65" } }
  }

  expect_failures = [var.ci]
}

run "refuses_a_pipeline_of_any_repository" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github" } }
  }

  expect_failures = [var.ci]
}

run "refuses_a_repository_that_would_end_the_condition" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github", repository = "family/shop' || true || '", repository_id = "74", owner_id = "65" } }
  }

  expect_failures = [var.ci]
}

run "refuses_a_branch_that_would_end_the_condition" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65", branches = ["main' || true || '"] } }
  }

  expect_failures = [var.ci]
}

run "refuses_a_pipeline_of_a_repository_that_has_only_a_name" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github", repository = "family/shop" } }
  }

  expect_failures = [var.ci]
}

run "refuses_an_event_that_strangers_cause" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65", events = ["push", "pull_request_target"] } }
  }

  expect_failures = [var.ci]
}

run "refuses_objects_that_would_end_the_condition" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65", objects = ["charts\") || true || (\""] } }
  }

  expect_failures = [var.ci]
}

run "refuses_a_jenkins_without_jobs" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "jenkins", issuer = "https://jenkins.family.example/oidc" } }
  }

  expect_failures = [var.ci]
}

run "refuses_a_lock_of_what_may_be_replaced" {
  command = plan

  variables {
    retention = { locked = true }
  }

  expect_failures = [var.retention]
}

run "refuses_an_archive_that_is_not_there" {
  command = plan

  variables {
    archive = "no-such-file.zip"
  }

  expect_failures = [var.archive]
}

run "refuses_a_sink_whose_url_is_a_secret" {
  command = plan

  variables {
    sinks = { chat = { url = "https://hooks.slack.com/services/T0/B0/token" } }
  }

  expect_failures = [var.sinks]
}

run "refuses_a_sink_of_two_kinds" {
  command = plan

  variables {
    sinks = { ops = { url = "https://alerts.family.example/", slack = { channel = "C024BE91L" } } }
  }

  expect_failures = [var.sinks]
}

run "refuses_a_sink_of_no_kind" {
  command = plan

  variables {
    sinks = { ops = { signed = true } }
  }

  expect_failures = [var.sinks]
}

run "refuses_a_git_host_of_two_kinds" {
  command = plan

  variables {
    git_hosts = { hub = { github = {}, gitlab = {} } }
  }

  expect_failures = [var.git_hosts]
}

run "refuses_a_git_host_of_no_kind" {
  command = plan

  variables {
    git_hosts = { hub = {} }
  }

  expect_failures = [var.git_hosts]
}

run "refuses_a_git_host_over_plain_http" {
  command = plan

  variables {
    git_hosts = { tea = { gitea = { api = "http://gitea.family.example/api/v1" } }, lab = { gitlab = { api = "http://gitlab.family.example/api/v4" } } }
  }

  expect_failures = [var.git_hosts]
}

run "refuses_a_sink_with_credentials" {
  command = plan

  variables {
    sinks = { ops = { url = "https://user:password@alerts.family.example/" } }
  }

  expect_failures = [var.sinks]
}

run "refuses_a_proxy_with_credentials" {
  command = plan

  variables {
    repositories = { master = { url = "https://github.com/family/master.git", proxy = "http://user:password@proxy.family.example:3128" } }
  }

  expect_failures = [var.repositories]
}

run "refuses_a_sink_whose_url_is_a_secret_behind_a_last_dot" {
  command = plan

  variables {
    sinks = { chat = { url = "https://hooks.slack.com./services/T0/B0/token" } }
  }

  expect_failures = [var.sinks]
}

run "refuses_an_alias_with_credentials" {
  command = plan

  variables {
    repositories = { master = { url = "https://github.com/family/master.git", aliases = ["ssh://git:password@git.family.example/master.git"] } }
  }

  expect_failures = [var.repositories]
}

run "refuses_an_api_with_credentials" {
  command = plan

  variables {
    repositories = {
      master = {
        url         = "https://github.com/family/master.git"
        credentials = { github_app = { app_id = "1", installation_id = "2", api = "https://user:password@github.family.example/api/v3" } }
      }
    }
  }

  expect_failures = [var.repositories]
}

run "refuses_an_event_of_whoever_writes_an_issue" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65", events = ["push", "issues"] } }
  }

  expect_failures = [var.ci]
}
