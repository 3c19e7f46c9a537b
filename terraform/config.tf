# The operator's configuration, as docs/contracts.md has it: one file for all functions. It names secrets, and holds none.

locals {
  # Google signs the tokens of callers for these, and each function checks for whom it was. Known beforehand, so that the configuration waits for no function.
  # Internal ingress lets Pub/Sub and Cloud Scheduler in at the address of Cloud Run only. https://docs.cloud.google.com/run/docs/securing/ingress#internal-services
  urls = merge(
    { for stage in ["fan-out", "reconcile", "plan-change", "check-drift", "deliver-alert", "report"] : stage => "https://${var.prefix}-${stage}-${local.project_number}.${var.region}.run.app" },
    { for stage in ["receive-push", "status", "inspect", "act"] : stage => "https://${var.region}-${var.project}.cloudfunctions.net/${var.prefix}-${stage}" },
  )

  # Eventarc calls Cloud Run's own addresses, the old form or the new.
  copy_names = { for class in keys(var.repositories) : class => "${var.prefix}-copy-artifact-${class}" }
  copy_audiences = flatten([
    for name in values(local.copy_names) : ["https://${name}-*.a.run.app", "https://${name}-${local.project_number}.${var.region}.run.app"]
  ])

  entry_points = { fan-out = "fanOut", reconcile = "reconcile", plan-change = "planChange", check-drift = "checkDrift", deliver-alert = "deliverAlert", report = "report" }

  # A kubeconfig's secret may be named alone, in full, or with its version.
  kubeconfigs = {
    for name, cluster in var.clusters : name => {
      project = startswith(cluster.kubeconfig_secret, "projects/") ? split("/", cluster.kubeconfig_secret)[1] : var.project
      secret  = startswith(cluster.kubeconfig_secret, "projects/") ? split("/", cluster.kubeconfig_secret)[3] : cluster.kubeconfig_secret
    } if cluster.kubeconfig_secret != null
  }

  config_repositories = {
    for class, repository in var.repositories : class => { for key, value in {
      url       = repository.url
      branch    = repository.branch
      bucket    = local.buckets[class]
      branches  = repository.branches
      aliases   = repository.aliases
      conflicts = repository.conflicts
      writeback = repository.writeback
      proxy     = repository.proxy

      proxySecretFile = repository.proxy_secret == null ? null : "/secrets/proxy-${class}/value"
      credentials = repository.credentials == null ? null : { for key, value in {
        file = repository.credentials.github_app == null ? "/secrets/git-${class}/value" : null
        githubApp = repository.credentials.github_app == null ? null : { for key, value in {
          appId          = repository.credentials.github_app.app_id
          installationId = repository.credentials.github_app.installation_id
          privateKeyFile = "/secrets/git-${class}/value"
          api            = repository.credentials.github_app.api
        } : key => value if value != null }
      } : key => value if value != null }
      tls = repository.ca == null ? null : { caFile = "/secrets/ca-${class}/value" }
      verify = repository.verify == null ? null : { for key, value in {
        allowedSignersFile = try(repository.verify.allowed_signers, null) == null ? null : "/secrets/signers-${class}/value"
        openpgpKeysFile    = try(repository.verify.openpgp_keys, null) == null ? null : "/secrets/openpgp-${class}/value"
      } : key => value if value != null }
    } : key => value if value != null }
  }

  config_clusters = {
    for name, cluster in var.clusters : name => { for key, value in {
      gke              = cluster.gke
      endpoint         = cluster.gke == null ? null : cluster.endpoint
      membership       = cluster.membership
      kubeconfigSecret = cluster.kubeconfig_secret == null ? null : "projects/${local.kubeconfigs[name].project}/secrets/${local.kubeconfigs[name].secret}/versions/latest"
      identity         = cluster.identity
    } : key => value if value != null }
  }

  # Each has one kind, and what another kind would have is null.
  config_sinks = {
    for name, sink in var.sinks : name => { for kind, settings in {
      only       = sink.only == null ? null : [for selector in sink.only : { for key, value in selector : key => value if value != null }]
      quietHours = sink.quiet_hours == null ? null : [for hours in sink.quiet_hours : { for key, value in hours : key => value if value != null }]
      repeat     = sink.repeat
      webhook = sink.url == null && sink.url_secret == null ? null : { for key, value in {
        url               = sink.url
        urlSecretFile     = sink.url_secret == null ? null : "/secrets/url-${name}/value"
        secretFile        = contains(keys(local.sink_mounts), "sink-${name}") ? "/secrets/sink-${name}/value" : null
        ed25519SecretFile = contains(keys(local.sink_mounts), "ed25519-${name}") ? "/secrets/ed25519-${name}/value" : null
        body              = sink.body
      } : key => value if value != null }
      slack      = sink.slack == null ? null : { tokenSecretFile = "/secrets/sink-${name}/value", channel = sink.slack.channel }
      googleChat = sink.google_chat == null ? null : { for key, value in { space = sink.google_chat.space, urlSecretFile = sink.google_chat.space == null ? "/secrets/url-${name}/value" : null } : key => value if value != null }
      pagerduty = sink.pagerduty == null ? null : { for key, value in {
        routingKeySecretFile = "/secrets/sink-${name}/value"
        api                  = sink.pagerduty.api
      } : key => value if value != null }
      email = sink.email == null ? null : { for key, value in {
        host            = sink.email.host
        port            = sink.email.port
        tls             = sink.email.tls
        from            = sink.email.from
        to              = sink.email.to
        loginSecretFile = sink.email.login ? "/secrets/sink-${name}/value" : null
      } : key => value if value != null }
    } : kind => settings if settings != null }
  }

  config_git_hosts = [
    for name, host in var.git_hosts : { for key, value in {
      name      = name
      classes   = host.classes
      planLabel = host.plan_label
      github = host.github == null ? null : { for key, value in {
        api             = host.github.api
        tokenSecretFile = host.github.app == null ? "/secrets/host-${name}/value" : null
        githubApp = host.github.app == null ? null : { for key, value in {
          appId          = host.github.app.app_id
          installationId = host.github.app.installation_id
          privateKeyFile = "/secrets/host-${name}/value"
          api            = host.github.api
        } : key => value if value != null }
      } : key => value if value != null }
      gitlab = host.gitlab == null ? null : { for key, value in {
        api             = host.gitlab.api
        tokenSecretFile = "/secrets/host-${name}/value"
      } : key => value if value != null }
      gitea = host.gitea == null ? null : { api = host.gitea.api, tokenSecretFile = "/secrets/host-${name}/value" }

      bitbucketDataCenter = host.bitbucket_data_center == null ? null : {
        api             = host.bitbucket_data_center.api
        tokenSecretFile = "/secrets/host-${name}/value"
      }
      bitbucketCloud = host.bitbucket_cloud == null ? null : { tokenSecretFile = "/secrets/host-${name}/value" }
    } : key => value if value != null }
  ]

  status_callers = concat(
    [for caller in var.status_callers : startswith(caller, "domain:") ? "*@${trimprefix(caller, "domain:")}" : split(":", caller)[1]],
    [for account in google_service_account.ci : account.email],
  )

  # Of the people, those that may do something.
  acting  = distinct(flatten([for entry in var.people : entry.who if entry.actions != null]))
  actions = distinct(flatten([for entry in var.people : coalesce(entry.actions, [])]))
  # Whether somebody may send again what was refused.
  sends_again = length(setintersection(local.actions, ["*", "retry-upload", "redrive"])) > 0
  redrives    = length(setintersection(local.actions, ["*", "redrive"])) > 0

  config_access = {
    # Cloud Run has verified a token's signature, and taken it off, before a function sees it.
    signature = "platform"
    functions = merge(
      { for stage, entry_point in local.entry_points : entry_point => { audiences = [local.urls[stage]], callers = [google_service_account.callers[stage].email] } },
      { copyArtifact = { audiences = local.copy_audiences, callers = [google_service_account.callers["copy-artifact"].email] } },
      length(local.status_callers) == 0 ? {} : {
        status = { audiences = concat([local.urls["status"]], var.status_audiences), callers = local.status_callers }
      },
      length(var.people) == 0 ? {} : { inspect = { audiences = concat([local.urls["inspect"]], var.inspect_audiences) } },
      length(local.acting) == 0 ? {} : { act = { audiences = concat([local.urls["act"]], var.inspect_audiences) } },
    )
    people = [
      for entry in var.people : { for key, value in {
        who          = [for person in entry.who : startswith(person, "domain:") ? "*@${trimprefix(person, "domain:")}" : split(":", person)[1]]
        classes      = entry.classes
        environments = entry.environments
        actions      = entry.actions
      } : key => value if value != null }
    ]
  }

  config = { for key, value in {
    project      = var.project
    state        = { bucket = local.state_bucket }
    topicPrefix  = local.topic_prefix
    repositories = local.config_repositories
    clusters     = local.config_clusters
    author = { for key, value in {
      name       = var.author.name
      email      = var.author.email
      signingKey = var.author.signing_key == null ? null : { file = "/secrets/signing-key/value" }
    } : key => value if value != null }
    webhooks = { for host in keys(var.webhooks) : host => { secretFile = "/secrets/webhook-${host}/value" } }
    checks   = { interval = var.check_interval }
    alerts = { for key, value in {
      unreadableAfter  = var.unreadable_after
      unreachableAfter = var.unreachable_after
      heartbeat        = var.heartbeat == null ? null : { for key, value in { url = try(var.heartbeat.url, null), urlSecretFile = contains(keys(local.heartbeat_mounts), "heartbeat") ? "/secrets/heartbeat/value" : null } : key => value if value != null }
      sinks            = [for name, sink in var.sinks : merge({ name = name }, local.config_sinks[name])]
      gitHosts         = length(var.git_hosts) == 0 ? null : local.config_git_hosts
    } : key => value if value != null }
    reports = length(var.reports) == 0 ? null : [
      for name, report in var.reports : { for key, value in {
        name         = name
        schedule     = report.schedule
        zone         = report.zone
        classes      = report.classes
        environments = report.environments
        labels       = report.labels
      } : key => value if value != null }
    ]
    freeze = length(var.freeze) == 0 ? null : [
      for name, window in var.freeze : { for key, value in {
        name         = name
        cron         = window.cron
        length       = window.length
        zone         = window.zone
        reason       = window.reason
        classes      = window.classes
        environments = window.environments
        labels       = window.labels
      } : key => value if value != null }
    ]
    limits  = length(var.limits) == 0 ? null : var.limits
    status  = { url = local.urls["status"] }
    inspect = { url = local.urls["inspect"] }
    act     = length(local.acting) == 0 ? null : { url = local.urls["act"] }
    access  = local.config_access
  } : key => value if value != null }
}
