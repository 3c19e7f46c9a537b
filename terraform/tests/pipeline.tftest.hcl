# The module as a whole, planned against a provider that answers nothing: what holds whatever Google would say.

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

  repositories = {
    master  = { url = "https://github.com/family/master.git", credentials = {} }
    develop = { url = "https://github.com/family/develop.git" }
  }

  clusters = {
    production = { gke = "projects/family-production/locations/europe-west1/clusters/prod" }
  }
}

run "deploys_every_function_of_the_flow_and_no_other" {
  command = plan

  assert {
    condition     = toset(keys(output.functions)) == toset(["copyArtifact", "receivePush", "fanOut", "reconcile", "checkDrift", "deliverAlert", "status", "report", "inspect", "act", "planChange"])
    error_message = "The functions are not those of functions/index.ts."
  }

  assert {
    condition = toset(concat([for function in module.copy_artifact : function.entry_point], [
      module.receive_push.entry_point, module.fan_out.entry_point, module.reconcile.entry_point, module.check_drift.entry_point, module.deliver_alert.entry_point, module.status.entry_point, module.report.entry_point, module.inspect.entry_point, module.act.entry_point, module.plan_change.entry_point,
    ])) == toset(["copyArtifact", "receivePush", "fanOut", "reconcile", "checkDrift", "deliverAlert", "status", "report", "inspect", "act", "planChange"])
    error_message = "An entry point is not a registered function."
  }

  assert {
    condition     = length(module.copy_artifact) == 2
    error_message = "Each class has a copyArtifact of its own."
  }
}

run "retries_whatever_a_trigger_delivers" {
  command = plan

  assert {
    condition     = alltrue([for function in module.copy_artifact : function.retry_policies == tolist(["RETRY_POLICY_RETRY"])])
    error_message = "The trigger of a bucket does not retry."
  }

  assert {
    condition     = toset([for subscription in google_pubsub_subscription.deliveries : "${subscription.retry_policy[0].minimum_backoff} ${subscription.retry_policy[0].maximum_backoff}"]) == toset(["10s 600s"])
    error_message = "A subscription does not retry after 10 to 600 seconds."
  }

  assert {
    condition     = alltrue([for subscription in google_pubsub_subscription.deliveries : length(subscription.dead_letter_policy) == 1 && subscription.expiration_policy[0].ttl == ""])
    error_message = "A subscription has no dead letters, or may expire."
  }

  assert {
    condition     = google_cloud_scheduler_job.check_drift.retry_config[0].retry_count > 0
    error_message = "The schedule does not retry."
  }
}

run "delivers_messages_as_binary_cloud_events_to_whom_they_are_for" {
  command = plan

  assert {
    condition     = alltrue([for subscription in google_pubsub_subscription.deliveries : subscription.push_config[0].no_wrapper[0].write_metadata])
    error_message = "A subscription wraps its messages, or leaves their attributes out."
  }

  assert {
    condition     = alltrue([for subscription in google_pubsub_subscription.deliveries : subscription.push_config[0].oidc_token[0].audience == subscription.push_config[0].push_endpoint])
    error_message = "A token is for another function than the one that is called."
  }

  assert {
    condition     = alltrue([for subscription in google_pubsub_subscription.deliveries : subscription.ack_deadline_seconds == 600])
    error_message = "A message is delivered again before its function has to end."
  }

  assert {
    condition     = alltrue([for function in [module.fan_out, module.reconcile, module.deliver_alert] : function.timeout < 600])
    error_message = "A function may run longer than Pub/Sub waits."
  }
}

run "lets_every_function_run_as_an_account_of_its_own" {
  command = plan

  assert {
    condition = length(distinct(concat([for function in module.copy_artifact : function.account_id], [
      module.receive_push.account_id, module.fan_out.account_id, module.reconcile.account_id, module.check_drift.account_id, module.deliver_alert.account_id, module.status.account_id, module.report.account_id, module.inspect.account_id, module.act.account_id, module.plan_change.account_id,
    ]))) == 12
    error_message = "Two functions share an account."
  }
}

run "lets_nobody_in_unless_asked_for" {
  command = plan

  assert {
    condition = !contains(flatten(concat([for function in module.copy_artifact : function.callers], [
      module.receive_push.callers, module.fan_out.callers, module.reconcile.callers, module.check_drift.callers, module.deliver_alert.callers, module.status.callers, module.report.callers, module.inspect.callers, module.act.callers, module.plan_change.callers,
    ])), "allUsers")
    error_message = "A function is public."
  }

  assert {
    condition     = length(module.receive_push.callers) == 0 && length(module.status.callers) == 0 && length(module.inspect.callers) == 0 && length(module.act.callers) == 0
    error_message = "Somebody may call receivePush, status, inspect or act who was not named."
  }

  assert {
    condition     = length(google_iam_workload_identity_pool.ci) == 0
    error_message = "There is a pool of identities, and nobody to be in it."
  }
}

run "lets_a_git_host_call_the_webhook_alone" {
  command = plan

  variables {
    webhooks       = { github = {} }
    status_callers = ["domain:family.example"]
    people         = [{ who = ["user:ana@family.example"], classes = ["master"] }, { who = ["user:bob@family.example"], actions = ["suspend"] }]
  }

  assert {
    condition     = module.receive_push.callers == ["allUsers"]
    error_message = "The Git host cannot call receivePush."
  }

  assert {
    condition     = module.status.callers == ["domain:family.example"]
    error_message = "Others than those named may call status."
  }

  assert {
    condition     = toset(module.inspect.callers) == toset(["user:ana@family.example", "user:bob@family.example"])
    error_message = "Others than the people named may call inspect."
  }

  assert {
    condition     = module.act.callers == ["user:bob@family.example"]
    error_message = "Others than the people with actions may call act."
  }
}

run "lets_only_google_reach_what_only_google_calls" {
  command = plan

  assert {
    condition = toset(concat([for function in module.copy_artifact : function.ingress], [
      module.fan_out.ingress, module.reconcile.ingress, module.check_drift.ingress, module.deliver_alert.ingress, module.report.ingress, module.plan_change.ingress,
    ])) == toset(["ALLOW_INTERNAL_ONLY"])
    error_message = "A function that only Google calls is reached from anywhere."
  }

  assert {
    condition     = module.receive_push.ingress == "ALLOW_ALL" && module.status.ingress == "ALLOW_ALL"
    error_message = "Git hosts and people do not reach their functions."
  }
}

run "heeds_the_policies_of_an_organisation" {
  command = plan

  variables {
    region           = "europe-west10"
    secret_locations = ["europe-west10", "europe-west3"]
    worker_pool      = "projects/family-insurance/locations/europe-west10/workerPools/private"
    webhooks         = { github = {} }
    webhook_door     = "no-invoker-check"
    ingress          = { receive_push = "load-balancer", status = "internal" }
    vpc              = { subnetwork = "projects/family-network/regions/europe-west10/subnetworks/functions", all_traffic = true }
    kms_key          = "projects/family-keys/locations/europe-west10/keyRings/converge/cryptoKeys/converge"
  }

  assert {
    condition = toset(concat([for function in module.copy_artifact : function.egress], [
      module.receive_push.egress, module.fan_out.egress, module.reconcile.egress, module.check_drift.egress, module.deliver_alert.egress, module.status.egress,
    ])) == toset(["VPC_EGRESS_ALL_TRAFFIC"])
    error_message = "A function has a way out past the network."
  }

  assert {
    condition = alltrue([for bucket in concat([google_storage_bucket.source, google_storage_bucket.state], values(google_storage_bucket.uploads)) :
      length(bucket.encryption) == 1 && endswith(bucket.encryption[0].default_kms_key_name, "/cryptoKeys/converge")
    ])
    error_message = "A bucket is encrypted by Google's key."
  }

  assert {
    condition = alltrue([for secret in concat([google_secret_manager_secret.config], values(google_secret_manager_secret.this)) :
      length(secret.replication[0].auto) == 0 && join(" ", [for replica in secret.replication[0].user_managed[0].replicas : replica.location]) == "europe-west10 europe-west3"
    ])
    error_message = "A secret is kept elsewhere."
  }

  assert {
    condition     = module.reconcile.build == "projects/family-insurance/locations/europe-west10/workerPools/private"
    error_message = "Another pool builds the functions."
  }

  assert {
    condition     = length(module.receive_push.callers) == 0 && length(terraform_data.webhook_door) == 1
    error_message = "The public is granted something, or no Git host passes."
  }

  assert {
    condition     = module.receive_push.ingress == "ALLOW_INTERNAL_AND_GCLB" && module.status.ingress == "ALLOW_INTERNAL_ONLY"
    error_message = "receivePush or status is reached otherwise than asked for."
  }
}

run "tells_where_nothing_ever_ran" {
  command = plan

  assert {
    condition = (
      length(google_monitoring_alert_policy.check_missing.conditions[0].condition_absent) == 0 &&
      endswith(google_monitoring_alert_policy.check_missing.conditions[0].condition_prometheus_query_language[0].query, "[15m])) or vector(0)) == 0") &&
      google_monitoring_alert_policy.check_missing.conditions[0].condition_prometheus_query_language[0].duration == "900s"
    )
    error_message = "A check that never ran raises no alert."
  }
}

run "tells_of_what_is_retried_before_it_is_given_up" {
  command = plan

  assert {
    condition = (
      strcontains(google_logging_metric.retried.filter, "severity=WARNING AND jsonPayload.message=~\" failed$\"") &&
      google_monitoring_alert_policy.retried.conditions[0].condition_prometheus_query_language[0].duration == "1800s"
    )
    error_message = "Messages that fail are seen only once they are given up, two hours later."
  }

  assert {
    condition     = !contains(keys(local.config.alerts), "heartbeat")
    error_message = "A dead man's switch is configured that nobody named."
  }
}

run "asks_a_dead_mans_switch" {
  command = plan

  variables {
    heartbeat = { url_secret = "converge-heartbeat" }
  }

  assert {
    condition     = local.config.alerts.heartbeat.urlSecretFile == "/secrets/heartbeat/value" && contains(keys(local.heartbeat_mounts), "heartbeat")
    error_message = "checkDrift does not know whom to tell that it is alive."
  }
}

run "checks_as_often_as_the_configuration_says" {
  command = plan

  variables {
    check_interval = "2h"
  }

  assert {
    condition     = google_cloud_scheduler_job.check_drift.schedule == "0 */2 * * *" && local.config.checks.interval == "2h"
    error_message = "The schedule is not that of the configuration: the status shows as Stale what was looked at in time, or does not show what was not."
  }

  assert {
    condition     = google_monitoring_alert_policy.check_missing.conditions[0].condition_prometheus_query_language[0].duration == "10800s"
    error_message = "A check that comes every two hours is missed before it is due."
  }
}

run "wakes_nobody_for_an_answer_that_has_a_message_come_again" {
  command = plan

  assert {
    condition     = strcontains(google_logging_metric.errors.filter, "severity>=ERROR AND NOT log_id(\"run.googleapis.com/requests\")")
    error_message = "Cloud Run writes an ERROR for each answer of 5xx, and a message that waits for a secret is answered so."
  }
}

run "keeps_topics_behind_the_prefix" {
  command = plan

  variables {
    prefix = "second"
  }

  assert {
    condition = alltrue([for name in concat(
      [for topic in google_pubsub_topic.this : topic.name], [for topic in google_pubsub_topic.given_up : topic.name], [google_pubsub_topic.redrive.name], [for schema in google_pubsub_schema.this : schema.name],
      [for subscription in google_pubsub_subscription.letters : subscription.name], [for subscription in google_pubsub_subscription.deliveries : subscription.name],
    ) : startswith(name, "second-")])
    error_message = "Two installations in a project collide."
  }

  assert {
    condition     = yamldecode(google_secret_manager_secret_version.config.secret_data).topicPrefix == "second-"
    error_message = "The functions publish elsewhere."
  }
}

run "keeps_the_credentials_of_classes_apart_whatever_their_names" {
  command = plan

  variables {
    repositories = {
      a        = { url = "https://github.com/family/a.git", credentials = { secret = "a-writes", reader_secret = "a-reads" } }
      a-reader = { url = "https://github.com/family/a-reader.git", credentials = { secret = "a-reader-writes" } }
      b        = { url = "https://github.com/family/b.git", credentials = { secret = "b-writes" } }
      b-reader = { url = "https://github.com/family/b-reader.git", credentials = { secret = "b-reader-writes" } }
      reader-a = { url = "https://github.com/family/reader-a.git", credentials = { secret = "reader-a-writes" } }
      c        = { url = "https://github.com/family/c.git", credentials = { secret = "c-writes" } }
      c-reader = { url = "https://github.com/family/c-reader.git", credentials = {} }
      git-a    = { url = "https://github.com/family/git-a.git", credentials = {} }
    }
  }

  assert {
    condition = { for folder, key in local.git_mounts : folder => local.secrets[key].secret } == {
      git-a        = "a-writes", git-a-reader = "a-reader-writes", git-b = "b-writes", git-b-reader = "b-reader-writes", git-reader-a = "reader-a-writes", git-c = "c-writes",
      git-c-reader = "converge-git-c-reader", git-git-a = "converge-git-git-a",
    }
    error_message = "Who pushes to a repository gets the credentials of another class, or those that only read."
  }

  assert {
    condition = { for folder, key in local.git_reader_mounts : folder => local.secrets[key].secret } == {
      git-a        = "a-reads", git-a-reader = "a-reader-writes", git-b = "b-writes", git-b-reader = "b-reader-writes", git-reader-a = "reader-a-writes", git-c = "c-writes",
      git-c-reader = "converge-git-c-reader", git-git-a = "converge-git-git-a",
    }
    error_message = "Who only reads a repository gets the credentials of another class."
  }
}

run "leads_back_to_one_function_alone" {
  command = plan

  assert {
    condition = { for subscription in google_pubsub_subscription.deliveries : subscription.name => subscription.filter if startswith(subscription.name, "converge-redrive-") } == {
      for topic in ["change-committed", "reconcile", "plan-change", "diff", "converged", "report"] : "converge-redrive-${topic}" => "attributes.redrive = \"${topic}\""
    }
    error_message = "A message that is sent again reaches no function, or more than one."
  }

  assert {
    condition     = alltrue([for name, subscription in google_pubsub_subscription.deliveries : subscription.filter == null if !startswith(name, "redrive-")])
    error_message = "A function is not sent everything of its topic."
  }

  assert {
    condition = alltrue([for topic in ["change-committed", "reconcile", "diff", "converged", "report"] :
      google_pubsub_subscription.deliveries["redrive-${topic}"].push_config[0].push_endpoint == google_pubsub_subscription.deliveries[topic].push_config[0].push_endpoint
    ])
    error_message = "A message is sent again to another function."
  }
}

run "keeps_the_names_that_topics_had" {
  command = plan

  variables {
    topic_prefix = ""
  }

  assert {
    condition     = google_pubsub_topic.this["diff"].name == "diff" && google_pubsub_subscription.deliveries["diff"].name == "diff-deliver-alert"
    error_message = "A topic is made anew."
  }
}

run "keeps_what_was_uploaded" {
  command = plan

  assert {
    condition = alltrue([for bucket in google_storage_bucket.uploads :
      bucket.versioning[0].enabled && bucket.soft_delete_policy[0].retention_duration_seconds == 2592000 && length(bucket.retention_policy) == 0 && !bucket.force_destroy
    ])
    error_message = "A bucket of uploads can lose them, or takes no second upload of a name."
  }

  assert {
    condition     = alltrue([for bucket in concat(values(google_storage_bucket.uploads), [google_storage_bucket.state]) : bucket.uniform_bucket_level_access && bucket.public_access_prevention == "enforced"])
    error_message = "A bucket has rights of objects, or can be made public."
  }

  assert {
    condition     = length(google_storage_bucket.state.retention_policy) == 0
    error_message = "The state bucket is frozen by retention."
  }
}

run "lets_nobody_replace_what_is_written_once" {
  command = plan

  variables {
    retention = { mode = "write-once", days = 365, locked = true }
  }

  assert {
    condition = alltrue([for bucket in google_storage_bucket.uploads :
      tonumber(bucket.retention_policy[0].retention_period) == 31536000 && bucket.retention_policy[0].is_locked && !bucket.versioning[0].enabled
    ])
    error_message = "An upload can be replaced, or the bucket has versions beside retention."
  }
}

run "gives_ci_the_right_to_create_and_no_other" {
  command = plan

  variables {
    ci = { shop = { class = "master", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65" } }
  }

  assert {
    condition     = google_storage_bucket_iam_member.ci_creates["shop"].role == "roles/storage.objectCreator"
    error_message = "CI has another right than to create."
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.ci_replaces) + length(google_storage_bucket_iam_member.ci_lists_state) + length(google_storage_bucket_iam_member.ci_reads_ledger) == 0
    error_message = "CI has a right that nobody asked for."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.ci["shop"].attribute_condition == "assertion.repository_id == '74' && assertion.repository_owner_id == '65' && assertion.repository == 'family/shop' && assertion.event_name in ['push', 'schedule', 'workflow_dispatch'] && assertion.ref_type == 'branch' && (assertion.ref == 'refs/heads/master' || assertion.ref == 'refs/heads/main') && assertion.ref_protected == 'true'"
    error_message = "Others than the branches of that repository become that identity."
  }
}

run "tells_each_ci_by_its_own_claims" {
  command = plan

  variables {
    ci = {
      shop   = { class = "develop", host = "github", repository = "family/shop", repository_id = "74", owner_id = "65" }
      tools  = { class = "develop", host = "gitlab", repository = "family/group/tools", repository_id = "22", owner_id = "7", branches = ["develop"], issuer = "https://gitlab.family.example" }
      portal = { class = "develop", host = "jenkins", issuer = "https://jenkins.family.example/oidc", subjects = ["https://jenkins.family.example/job/portal/job/*"] }
    }
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.ci["shop"].attribute_condition == "assertion.repository_id == '74' && assertion.repository_owner_id == '65' && assertion.repository == 'family/shop' && assertion.event_name in ['push', 'schedule', 'workflow_dispatch'] && assertion.ref_type == 'branch' && (assertion.ref == 'refs/heads/develop' || assertion.ref.startsWith('refs/heads/feature/'))"
    error_message = "The condition of GitHub is another."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.ci["tools"].attribute_condition == "assertion.project_id == '22' && assertion.namespace_id == '7' && assertion.project_path == 'family/group/tools' && assertion.pipeline_source in ['push', 'schedule', 'web'] && assertion.ref_type == 'branch' && (assertion.ref == 'develop')"
    error_message = "The condition of GitLab is another."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.ci["portal"].attribute_condition == "(assertion.sub.startsWith('https://jenkins.family.example/job/portal/job/')) && !assertion.sub.contains('/job/PR-') && !assertion.sub.contains('/job/MR-')"
    error_message = "The condition of Jenkins is another."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.ci["portal"].oidc[0].issuer_uri == "https://jenkins.family.example/oidc" && google_iam_workload_identity_pool_provider.ci["shop"].oidc[0].issuer_uri == "https://token.actions.githubusercontent.com"
    error_message = "A token of another issuer is believed."
  }
}

run "makes_each_report_by_a_job_of_its_own" {
  command = plan

  variables {
    reports = {
      weekly = { schedule = "0 6 * * 1", zone = "Europe/Berlin", labels = { customer = "acme" } }
      daily  = { schedule = "0 5 * * *" }
    }
  }

  assert {
    condition     = { for name, job in google_cloud_scheduler_job.report : name => [job.schedule, job.time_zone, endswith(job.http_target[0].uri, "/?report=${name}") ? "named" : job.http_target[0].uri] } == { weekly = ["0 6 * * 1", "Europe/Berlin", "named"], daily = ["0 5 * * *", "Etc/UTC", "named"] }
    error_message = "A report is not made when it is due, or another one is."
  }

  assert {
    condition     = toset([for report in yamldecode(output.config).reports : report.name]) == toset(["weekly", "daily"])
    error_message = "The configuration does not name the reports."
  }
}

run "configures_freezes_by_name" {
  command = plan

  variables {
    freeze = {
      year-end = { cron = "0 18 20 12 *", length = "17d", zone = "Europe/Berlin", classes = ["master"] }
    }
  }

  assert {
    condition     = yamldecode(output.config).freeze[0] == { name = "year-end", cron = "0 18 20 12 *", length = "17d", zone = "Europe/Berlin", classes = ["master"] }
    error_message = "The configuration does not say when nothing is applied."
  }
}

run "lets_who_tells_git_hosts_read_what_became_of_commits" {
  command = plan

  variables {
    git_hosts = {
      dc  = { bitbucket_data_center = { api = "https://bitbucket.family.example/rest/api/latest" } }
      hub = { github = { app = { app_id = "1", installation_id = "2" } } }
      lab = { gitlab = { api = "https://gitlab.family.example/api/v4" }, classes = ["develop"], secret = "converge-gitlab" }
      tea = { gitea = { api = "https://gitea.family.example/api/v1" } }
      zip = { bitbucket_cloud = {} }
    }
  }

  assert {
    condition = yamldecode(output.config).alerts.gitHosts == [
      { name = "dc", bitbucketDataCenter = { api = "https://bitbucket.family.example/rest/api/latest", tokenSecretFile = "/secrets/host-dc/value" } },
      { name = "hub", github = { githubApp = { appId = "1", installationId = "2", privateKeyFile = "/secrets/host-hub/value" } } },
      { name = "lab", classes = ["develop"], gitlab = { api = "https://gitlab.family.example/api/v4", tokenSecretFile = "/secrets/host-lab/value" } },
      { name = "tea", gitea = { api = "https://gitea.family.example/api/v1", tokenSecretFile = "/secrets/host-tea/value" } },
      { name = "zip", bitbucketCloud = { tokenSecretFile = "/secrets/host-zip/value" } },
    ]
    error_message = "The configuration names the Git hosts in another way."
  }

  assert {
    condition     = toset(module.deliver_alert.folders) == toset(["host-dc", "host-hub", "host-lab", "host-tea", "host-zip", "git-master"]) && toset(module.fan_out.folders) == toset(["host-dc", "host-hub", "host-lab", "host-tea", "host-zip", "git-master"])
    error_message = "A function reads other secrets than it needs."
  }

  assert {
    condition     = module.deliver_alert.memory == "512Mi" && module.deliver_alert.state.reads == "all" && contains(module.deliver_alert.state.writes, "commits/") && contains(module.fan_out.state.writes, "commits/")
    error_message = "A function that tells Git hosts cannot."
  }
}

run "grants_nothing_for_git_hosts_where_there_is_none" {
  command = plan

  assert {
    condition     = module.deliver_alert.memory == "256Mi" && module.deliver_alert.state.reads == "own" && !contains(module.deliver_alert.state.writes, "commits/") && !contains(module.fan_out.state.writes, "commits/")
    error_message = "A function may do more than it needs."
  }
}
