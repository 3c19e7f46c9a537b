# --- Where -------------------------------------------------------------------------------------------------------

variable "project" {
  description = "Id of the Google Cloud project that the pipeline runs in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "project_number" {
  description = "Number of that project, in digits. Absent: it is looked up."
  type        = string
  default     = null

  validation {
    condition     = var.project_number == null || can(regex("^[0-9]+$", var.project_number))
    error_message = "A project's number is digits (gcloud projects describe PROJECT --format='value(projectNumber)')."
  }
}

variable "region" {
  description = "Region of functions and buckets, like europe-west1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1 or europe-west10."
  }
}

variable "prefix" {
  description = "What the names of functions, service accounts and secrets begin with."
  type        = string
  default     = "converge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,9}[a-z0-9]$", var.prefix))
    error_message = "A prefix has 3 to 11 lower-case letters, digits and dashes: the names of service accounts have room for no more."
  }
}

variable "topic_prefix" {
  description = "What the names of topics, their subscriptions and schemas begin with. Absent: the prefix and a dash, like everything else."
  type        = string
  default     = null

  validation {
    condition     = var.topic_prefix == null || can(regex("^([a-z][a-z0-9-]*)?$", var.topic_prefix))
    error_message = "A topic's name begins with a letter, and has lower-case letters, digits and dashes."
  }
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = {}
}

variable "archive" {
  description = "Path of the archive of the functions that `npm run build` makes (dist/functions.zip)."
  type        = string

  validation {
    condition     = fileexists(var.archive)
    error_message = "There is no such file: run `npm run build` first, and name its dist/functions.zip."
  }
}

# --- What ----------------------------------------------------------------------------------------------------------

variable "repositories" {
  description = <<-EOT
    The Git repository of each class (`master`, `staging`, `develop`, or others), and its bucket.
    Secrets are given by name in this project, or as projects/PROJECT/secrets/SECRET; where a block names none, one is created, empty.
    `credentials.reader_secret` holds credentials that may only read, for the functions that never push. `bucket` defaults to <project>-<prefix>-<class>.
  EOT
  type = map(object({
    url       = string
    branch    = optional(string, "main")
    bucket    = optional(string)
    branches  = optional(list(string))
    aliases   = optional(list(string))
    conflicts = optional(string, "artifact-wins")
    writeback = optional(bool, true)
    proxy     = optional(string)
    # Of the proxy's URL, where that holds credentials.
    proxy_secret = optional(string)
    credentials = optional(object({
      secret        = optional(string)
      reader_secret = optional(string)
      github_app    = optional(object({ app_id = string, installation_id = string, api = optional(string) }))
    }))
    ca = optional(object({ secret = optional(string) }))
    verify = optional(object({
      allowed_signers = optional(object({ secret = optional(string) }))
      openpgp_keys    = optional(object({ secret = optional(string) }))
    }))
  }))

  validation {
    condition     = length(var.repositories) > 0 && alltrue([for class in keys(var.repositories) : can(regex("^[a-z][a-z0-9-]{0,11}$", class))])
    error_message = "Name at least one repository. A class has at most 12 lower-case letters, digits and dashes: the names of service accounts have room for no more."
  }

  validation {
    condition     = alltrue([for repository in values(var.repositories) : can(regex("^https?://[^@]+$", repository.url))])
    error_message = "A repository's url begins with https:// and holds no credentials: those are in a secret."
  }

  validation {
    condition = alltrue([
      for address in flatten([for repository in values(var.repositories) : concat(coalesce(repository.aliases, []), compact([try(repository.credentials.github_app.api, null)]))]) :
      !can(regex("^https?://[^/?#]*@|://[^/?#]*:[^/?#]*@", address))
    ])
    error_message = "aliases and github_app.api hold no credentials: they would be in the plan and the state."
  }

  validation {
    condition     = alltrue([for repository in values(var.repositories) : contains(["artifact-wins", "refuse"], repository.conflicts)])
    error_message = "conflicts is artifact-wins or refuse."
  }

  validation {
    condition     = alltrue([for repository in values(var.repositories) : repository.proxy == null || (repository.proxy_secret == null && !strcontains(coalesce(repository.proxy, "-"), "@"))])
    error_message = "proxy is a URL without credentials, which would be in the plan and the state: put one that holds some into a secret of Secret Manager, and name that in proxy_secret instead."
  }

  validation {
    condition = alltrue([
      for repository in values(var.repositories) :
      repository.verify == null ? true : repository.verify.allowed_signers != null || repository.verify.openpgp_keys != null
    ])
    error_message = "verify needs allowed_signers, openpgp_keys, or both."
  }
}

variable "clusters" {
  description = <<-EOT
    The clusters by the names that environment files use: of GKE by resource name (`gke`), or any other by a secret that holds its kubeconfig.
    `endpoint`: auto, dns, ip or connect-gateway (which needs `membership`). `identity`: own, or environment (impersonation; not with connect-gateway).
    `kubernetes_developer`: grants roles/container.developer in the cluster's project, in place of RBAC inside the cluster.
  EOT
  type = map(object({
    gke                  = optional(string)
    endpoint             = optional(string, "auto")
    membership           = optional(string)
    identity             = optional(string, "own")
    kubeconfig_secret    = optional(string)
    kubernetes_developer = optional(bool, false)
  }))

  validation {
    condition     = length(var.clusters) > 0 && alltrue([for name in keys(var.clusters) : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "Name at least one cluster, in lower-case letters, digits and dashes."
  }

  validation {
    condition     = alltrue([for cluster in values(var.clusters) : (cluster.gke == null) != (cluster.kubeconfig_secret == null)])
    error_message = "A cluster is either of GKE (gke) or has a kubeconfig_secret."
  }

  validation {
    condition     = alltrue([for cluster in values(var.clusters) : cluster.gke == null || can(regex("^projects/[^/]+/(locations|zones)/[^/]+/clusters/[^/]+$", cluster.gke))])
    error_message = "gke is a resource name: projects/PROJECT/locations/LOCATION/clusters/CLUSTER."
  }

  validation {
    condition     = alltrue([for cluster in values(var.clusters) : contains(["auto", "dns", "ip", "connect-gateway"], cluster.endpoint)])
    error_message = "endpoint is auto, dns, ip or connect-gateway."
  }

  validation {
    condition     = alltrue([for cluster in values(var.clusters) : (cluster.endpoint == "connect-gateway") == (cluster.membership != null)])
    error_message = "endpoint connect-gateway needs a membership (projects/PROJECT/locations/LOCATION/memberships/MEMBERSHIP), and nothing else takes one."
  }

  validation {
    condition     = alltrue([for cluster in values(var.clusters) : cluster.membership == null || can(regex("^projects/[^/]+/locations/[^/]+/memberships/[^/]+$", cluster.membership))])
    error_message = "membership is a resource name: projects/PROJECT/locations/LOCATION/memberships/MEMBERSHIP."
  }

  validation {
    condition     = alltrue([for cluster in values(var.clusters) : cluster.endpoint != "connect-gateway" || cluster.identity != "environment"])
    error_message = "endpoint connect-gateway takes no identity environment: the gateway reaches a cluster by impersonation itself, and Kubernetes nests none."
  }

  validation {
    condition     = alltrue([for cluster in values(var.clusters) : contains(["own", "environment"], cluster.identity)])
    error_message = "identity is own or environment."
  }
}

variable "author" {
  description = "Who the commits are by; with `signing_key` they are signed with the private SSH key in that secret, which is created, empty, where none is named."
  type = object({
    name        = optional(string, "Converge")
    email       = optional(string, "converge@example.com")
    signing_key = optional(object({ secret = optional(string) }))
  })
  default = {}
}

variable "webhooks" {
  description = "The Git hosts that call receivePush (github, gitlab, bitbucket, gitea), each with the secret that its calls are signed with. Where there is one, anybody may call receivePush, which then checks the signature; where there is none, nobody may."
  type        = map(object({ secret = optional(string) }))
  default     = {}

  validation {
    condition     = alltrue([for host in keys(var.webhooks) : contains(["github", "gitlab", "bitbucket", "gitea"], host)])
    error_message = "The hosts are github, gitlab, bitbucket and gitea."
  }
}

variable "webhook_door" {
  description = <<-EOT
    How the Git host's calls pass Cloud Run: all-users (default: the public is granted the right to call receivePush) or no-invoker-check (nobody is granted it, and Cloud Run asks for no identity, which
    `gcloud run services update --no-invoker-iam-check` sets on the machine that applies; for organisations that grant nothing to the public). Either way the signature decides.
  EOT
  type        = string
  default     = "all-users"

  validation {
    condition     = contains(["all-users", "no-invoker-check"], var.webhook_door)
    error_message = "webhook_door is all-users or no-invoker-check."
  }
}

variable "sinks" {
  description = <<-EOT
    Who gets each alert, by name; each is one of these.
    A webhook has a `url`, or a `url_secret` that holds it, where whoever knows it may post. With `signed` (or `ed25519`) the calls are signed with the `secret` (or `ed25519_secret`); `body = "cloudevents"` posts the whole event.
    `slack` posts as a bot into the channel of that id, `google_chat` by an incoming webhook, or as an app into a `space`, `pagerduty` to an integration of the Events API v2, and `email` by SMTP, with a `login` unless that is false.
    Secrets are created, empty, where none is named. With `only` it is told what any of its entries means (docs/contracts.md, Alert sinks), and all alerts without it.
    In its `quiet_hours` (`from` and `to` like "22:00", on the clocks of `zone`) it is told nothing but what is of a severity in `except` (critical, where nothing is said); `repeat`, such as "4h", tells what is still open again, after pauses that grow.
  EOT
  type = map(object({
    only = optional(list(object({
      kinds        = optional(list(string))
      classes      = optional(list(string))
      environments = optional(list(string))
      clusters     = optional(list(string))
      labels       = optional(map(string))
      reasons      = optional(list(string))
      severities   = optional(list(string))
    })))
    quiet_hours    = optional(list(object({ from = string, to = string, zone = string, days = optional(list(string)), except = optional(list(string)) })))
    repeat         = optional(string)
    url            = optional(string)
    url_secret     = optional(string)
    signed         = optional(bool, false)
    secret         = optional(string)
    ed25519        = optional(bool, false)
    ed25519_secret = optional(string)
    body           = optional(string)
    slack          = optional(object({ channel = string, token_secret = optional(string) }))
    google_chat    = optional(object({ url_secret = optional(string), space = optional(string) }))
    pagerduty      = optional(object({ routing_key_secret = optional(string), api = optional(string) }))
    email          = optional(object({ host = string, port = optional(number), tls = optional(string), from = string, to = list(string), login = optional(bool, true), login_secret = optional(string) }))
  }))
  default = {}

  validation {
    condition = alltrue([for name, sink in var.sinks : can(regex("^[a-z][a-z0-9-]*$", name)) && (sink.url == null || can(regex("^https://", sink.url))) &&
      length([for way in [sink.url, sink.url_secret, sink.slack, sink.google_chat, sink.pagerduty, sink.email] : way if way != null]) == 1
    ])
    error_message = "A sink's name has lower-case letters, digits and dashes, and it has one of a url that begins with https://, a url_secret, slack, google_chat, pagerduty and email."
  }

  validation {
    condition = alltrue([for sink in values(var.sinks) :
      sink.url == null ||
      !can(regex("^https://([^/?#]*@|([^/?#]*\\.)?(hooks\\.slack\\.com|webhook\\.office\\.com|outlook\\.office\\.com|logic\\.azure\\.com|api\\.powerplatform\\.com|chat\\.googleapis\\.com|discord\\.com|discordapp\\.com|events\\.pagerduty\\.com|hooks\\.zapier\\.com|hooks\\.slack-gov\\.com|api\\.telegram\\.org|open\\.larksuite\\.com|open\\.feishu\\.cn|oapi\\.dingtalk\\.com|alert\\.victorops\\.com|maker\\.ifttt\\.com)\\.?([:/?#]|$))", lower(sink.url)))
    ])
    error_message = "A url with credentials, or of a chat or pager, is a secret, and would be in the plan and the state: put it into a secret of Secret Manager, and name that in url_secret."
  }
}

variable "git_hosts" {
  description = <<-EOT
    Git hosts of the repositories that show what became of each commit, by name: a status and a deployment, pending until it converged, and a comment on the pull request that it merged. Absent: none.
    Each is one of `github`, `gitlab`, `gitea` (Forgejo, too), `bitbucket_cloud` and `bitbucket_data_center`, and is told of the repositories whose `url` is there, or of `classes` alone. `secret` holds a token that may write statuses, deployments and comments, and open pull requests (`converge accept`), or the private key of the GitHub `app` with these permissions; it is created, empty, where none is named. With one, `deliverAlert` reads repositories and all of the state, and has 512 MiB.
    Where its webhook sends pull requests as well, each shows what it would do: a status, and a comment. Of a fork that waits for a maintainer to put the label `plan_label` (absent: converge/plan) on it, or to approve it (`bitbucket_data_center`).
  EOT
  type = map(object({
    classes               = optional(list(string))
    secret                = optional(string)
    plan_label            = optional(string)
    github                = optional(object({ api = optional(string), app = optional(object({ app_id = string, installation_id = string })) }))
    gitlab                = optional(object({ api = optional(string) }))
    gitea                 = optional(object({ api = string }))
    bitbucket_cloud       = optional(object({}))
    bitbucket_data_center = optional(object({ api = string }))
  }))
  default = {}

  validation {
    condition     = alltrue([for name, host in var.git_hosts : can(regex("^[a-z][a-z0-9-]*$", name)) && length([for kind in [host.github, host.gitlab, host.gitea, host.bitbucket_cloud, host.bitbucket_data_center] : kind if kind != null]) == 1])
    error_message = "A Git host's name has lower-case letters, digits and dashes, and it is one of github, gitlab, gitea, bitbucket_cloud and bitbucket_data_center."
  }

  validation {
    condition     = alltrue([for host in values(var.git_hosts) : can(regex("^https://[^@]*$", coalesce(try(host.github.api, null), try(host.gitlab.api, null), try(host.gitea.api, null), try(host.bitbucket_data_center.api, null), "https://default")))])
    error_message = "An api begins with https://, and holds no login."
  }

  validation {
    condition     = length(setintersection(keys(var.git_hosts), keys(var.sinks))) == 0
    error_message = "A Git host has the name of a sink."
  }
}

variable "unreadable_after" {
  description = "How long a secret, a key, a bucket or a cluster may not be readable before the log says so as an error, once, while messages wait for it."
  type        = string
  default     = "10m"

  validation {
    condition     = can(regex("^[0-9]+[smh]$", var.unreadable_after))
    error_message = "It is digits with s, m or h, like 10m."
  }
}

variable "unreachable_after" {
  description = "How long a cluster, a Git host or a bucket may not answer before that is an incident of its own, told once for all environments that stand on it."
  type        = string
  default     = "2m"

  validation {
    condition     = can(regex("^[0-9]+[smh]$", var.unreachable_after))
    error_message = "It is digits with s, m or h, like 2m."
  }
}

variable "heartbeat" {
  description = "A dead man's switch of yours (healthchecks.io, Dead Man's Snitch, a pager's heartbeat), which checkDrift asks after each full check: its `url`, or a `url_secret` that holds it, where whoever knows it may keep the switch quiet. Set it to wake people after three times check_interval."
  type        = object({ url = optional(string), url_secret = optional(string) })
  default     = null

  validation {
    condition     = var.heartbeat == null ? true : (var.heartbeat.url == null) != (var.heartbeat.url_secret == null) && (var.heartbeat.url == null || can(regex("^https://[^@]*$", var.heartbeat.url)))
    error_message = "It has either a url that begins with https:// and holds no login, or a url_secret."
  }
}

variable "limits" {
  description = "Limits of uploads, renders and waits, by the names of docs/contracts.md (uploadBytes, uploadFiles, unpackRatio, objects, renderSeconds, renderMiB, waitSeconds)."
  type        = map(number)
  default     = {}
}

# --- Who -----------------------------------------------------------------------------------------------------------

variable "status_callers" {
  description = "Who may call the status function: user:E-MAIL, serviceAccount:E-MAIL or domain:DOMAIN."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for caller in var.status_callers : can(regex("^((user|serviceAccount):[^@*]+@[^@*]+|domain:[^@*]+)$", caller))])
    error_message = "A caller is user:E-MAIL, serviceAccount:E-MAIL or domain:DOMAIN. Groups cannot be told from a token, and the public is never let in."
  }
}

variable "status_audiences" {
  description = "Further audiences of ID tokens that the status function takes, such as 32555940559.apps.googleusercontent.com for those that `gcloud auth print-identity-token` makes for people."
  type        = list(string)
  default     = []
}

variable "people" {
  description = <<-EOT
    Who may see what is in the clusters, by the inspect function: user:E-MAIL or domain:DOMAIN. `classes` and `environments` (their names) may hold `*` for any text; absent: all. Service accounts never may: CI asks status.
    `actions`: what they may do there on purpose, by the act function (suspend, resume, rollback, accept, reconcile, revert, acknowledge, retry-upload, redrive, new-customer; override-freeze beside reconcile), or `*`; absent: they only look, and plan.
  EOT
  type        = list(object({ who = list(string), classes = optional(list(string)), environments = optional(list(string)), actions = optional(list(string)) }))
  default     = []

  validation {
    condition     = alltrue([for person in flatten([for entry in var.people : entry.who]) : can(regex("^(user:[^@*]+@[^@*]+|domain:[^@*]+)$", person)) && !endswith(person, ".gserviceaccount.com")])
    error_message = "Somebody who may see is user:E-MAIL or domain:DOMAIN. Groups cannot be told from a token, and service accounts are no people."
  }

  validation {
    condition = alltrue([for action in flatten([for entry in var.people : coalesce(entry.actions, [])]) : contains([
      "suspend", "resume", "rollback", "accept", "reconcile", "revert", "acknowledge", "retry-upload", "redrive", "new-customer", "override-freeze", "*",
    ], action)])
    error_message = "An action of people is one that docs/contracts/operations.md names under Access, or *."
  }
}

variable "inspect_audiences" {
  description = "Further audiences of ID tokens that the functions inspect and act take, such as 32555940559.apps.googleusercontent.com for those that `gcloud auth print-identity-token` makes for people."
  type        = list(string)
  default     = []
}

variable "ci" {
  description = <<-EOT
    Who uploads: one entry for each pipeline of a CI, by Workload Identity Federation, without any key. `host` is github, gitlab or jenkins.
    `repository`: OWNER/NAME on GitHub, GROUP/PROJECT on GitLab. `repository_id` and `owner_id` are the numbers of that repository and its owner
    (GitHub: `gh api repos/OWNER/NAME --jq '.id, .owner.id'`; GitLab: `id` and `namespace.id` of `GET /api/v4/projects/GROUP%2FPROJECT`), which nobody can claim anew.
    `branches` (a `*` at the end stands for any text) default to those of the class. `protected`: only branches that the host protects; by default for every class but
    `develop`. `events`: what a pipeline may be started by, as the host names it in `event_name` (default: push, schedule, workflow_dispatch) or `pipeline_source`
    (default: push, schedule, web).
    `subjects` are for Jenkins: URLs of jobs, with a `*` at the end for all below but those of pull and merge requests (PR-7, MR-7). `issuer` is needed for Jenkins, and for a host of your own;
    `jwks` are its keys where Google cannot fetch them.
    `rights`: create (default: new objects, and nothing else), replace (objects that are there, too: Cloud Storage asks for the right to delete
    for that), follow (what `converge upload --wait` needs: replace, read the ledger of its class, and ask for its status by the account of the output
    `status_accounts`). `objects`: what the names of the objects that it writes, replaces and reads begin with, like charts/shop; absent: any object of the bucket.
  EOT
  type = map(object({
    class         = string
    host          = string
    repository    = optional(string)
    repository_id = optional(string)
    owner_id      = optional(string)
    branches      = optional(list(string))
    protected     = optional(bool)
    events        = optional(list(string))
    subjects      = optional(list(string), [])
    objects       = optional(list(string), [])
    issuer        = optional(string)
    audiences     = optional(list(string))
    jwks          = optional(string)
    rights        = optional(string, "create")
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.ci) : can(regex("^[a-z][a-z0-9-]{0,27}[a-z0-9]$", name))])
    error_message = "A name has 2 to 29 lower-case letters, digits and dashes."
  }

  validation {
    condition     = alltrue([for ci in values(var.ci) : contains(keys(var.repositories), ci.class)])
    error_message = "class is one of repositories."
  }

  validation {
    condition     = alltrue([for ci in values(var.ci) : contains(["github", "gitlab", "jenkins"], ci.host)])
    error_message = "host is github, gitlab or jenkins."
  }

  validation {
    condition     = alltrue([for ci in values(var.ci) : contains(["create", "replace", "follow"], ci.rights)])
    error_message = "rights is create, replace or follow."
  }

  validation {
    condition = alltrue([
      for ci in values(var.ci) : ci.host == "jenkins" ? length(ci.subjects) > 0 && ci.issuer != null : can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$", ci.repository))
    ])
    error_message = "Jenkins needs issuer and subjects; GitHub and GitLab need repository, like family/shop."
  }

  validation {
    condition = alltrue([
      for text in flatten([for ci in values(var.ci) : concat(coalesce(ci.branches, []), ci.subjects)]) : can(regex("^[^'\"\\\\*]+\\*?$", text))
    ])
    error_message = "Branches and subjects are not empty, hold no quotes or backslashes, and have a * at their end only."
  }

  validation {
    condition = alltrue([
      for ci in values(var.ci) : ci.host == "jenkins" || (can(regex("^[0-9]+$", ci.repository_id)) && can(regex("^[0-9]+$", ci.owner_id)))
    ])
    error_message = "GitHub and GitLab need repository_id and owner_id, in digits: a repository's name can be claimed anew by others, its number cannot."
  }

  validation {
    condition = alltrue([
      for event in flatten([for ci in values(var.ci) : coalesce(ci.events, [])]) :
      can(regex("^[a-z_]+$", event)) && !can(regex("pull_request|merge_request|^(workflow_run|issues|issue_comment|discussion|discussion_comment|fork|watch|gollum|parent_pipeline)$", event))
    ])
    error_message = "Events are like push. Those that somebody can cause who may not push to the branch (pull and merge requests and what follows from them, issues, discussions, forks, stars, wiki pages) are never let in."
  }

  validation {
    condition     = alltrue([for ci in values(var.ci) : length(ci.objects) <= 12 && alltrue([for object in ci.objects : can(regex("^[^'\"\\\\*]+$", object))])])
    error_message = "objects are at most 12 beginnings of names, not empty, without quotes, backslashes and *."
  }
}

# --- How much ------------------------------------------------------------------------------------------------------

variable "functions" {
  description = "Sizes other than the usual ones, by stage (copy_artifact, receive_push, fan_out, reconcile, check_drift, deliver_alert, status, report, inspect, act, plan_change). memory like 512Mi, timeout in seconds."
  type = map(object({
    memory        = optional(string)
    cpu           = optional(string)
    timeout       = optional(number)
    concurrency   = optional(number)
    max_instances = optional(number)
    min_instances = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for stage in keys(var.functions) : contains(["copy_artifact", "receive_push", "fan_out", "reconcile", "check_drift", "deliver_alert", "status", "report", "inspect", "act", "plan_change"], stage)])
    error_message = "The stages are copy_artifact, receive_push, fan_out, reconcile, check_drift, deliver_alert, status, report, inspect, act and plan_change."
  }

  validation {
    condition     = alltrue([for size in values(var.functions) : size.timeout == null ? true : size.timeout >= 10 && size.timeout <= 590])
    error_message = "A timeout is 10 to 590 seconds: Pub/Sub waits 600 seconds for an answer, and then delivers again."
  }
}

variable "ingress" {
  description = <<-EOT
    From where the four functions that are not called by Google alone are reached: all (default), load-balancer (a load balancer of yours, and this project's networks) or internal (this project's networks).
    The others are reached by Google's own services in this project only.
  EOT
  type        = object({ receive_push = optional(string, "all"), status = optional(string, "all"), inspect = optional(string, "all"), act = optional(string, "all") })
  default     = {}

  validation {
    condition     = alltrue([for from in values(var.ingress) : contains(["all", "load-balancer", "internal"], from)])
    error_message = "ingress is all, load-balancer or internal."
  }
}

variable "worker_pool" {
  description = "Private pool of Cloud Build (projects/PROJECT/locations/LOCATION/workerPools/POOL) that builds the functions. Absent: Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.worker_pool == null || can(regex("^projects/[^/]+/locations/[^/]+/workerPools/[^/]+$", var.worker_pool))
    error_message = "worker_pool is a resource name: projects/PROJECT/locations/LOCATION/workerPools/POOL."
  }
}

variable "secret_locations" {
  description = "Regions that secrets which are made here are kept in, where a policy allows no global ones. Empty: replicated by Google. Changing it makes the secrets anew."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for location in var.secret_locations : can(regex("^[a-z]+-[a-z]+[0-9]+$", location))])
    error_message = "A location is a region, like europe-west1."
  }
}

variable "vpc" {
  description = "Subnetwork that functions which reach Git, clusters or sinks are attached to, for private ones; with `all_traffic` every function is, and everything leaves through it."
  type        = object({ network = optional(string), subnetwork = string, all_traffic = optional(bool, false) })
  default     = null
}

variable "check_interval" {
  description = "How far apart the looks of checkDrift at every environment are: 5m, 1h. The schedule is made of it, and the status shows as Stale what was not looked at for three of them."
  type        = string
  default     = "5m"

  validation {
    condition     = contains(["1m", "2m", "3m", "4m", "5m", "6m", "10m", "12m", "15m", "20m", "30m", "1h", "2h", "3h", "4h", "6h", "8h", "12h"], var.check_interval)
    error_message = "It is minutes that divide an hour (1m to 30m), or hours that divide a day (1h to 12h): no other schedule is even."
  }
}

variable "reports" {
  description = "Drift reports, by name: when each is made (a cron line, on the clocks of `zone`), and of which environments (all that is said is so of one; a * is any text). Absent: none."
  type = map(object({
    schedule     = string
    zone         = optional(string, "Etc/UTC")
    classes      = optional(list(string))
    environments = optional(list(string))
    labels       = optional(map(string))
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.reports) : can(regex("^[a-z][a-z0-9-]{0,29}$", name))])
    error_message = "Names of reports are up to 30 lower-case letters, digits and dashes, a letter first."
  }

  validation {
    condition     = alltrue([for report in values(var.reports) : length(split(" ", trimspace(report.schedule))) == 5])
    error_message = "A schedule has five fields: minute, hour, day of month, month, day of week."
  }
}

variable "freeze" {
  description = "Times in which nothing is applied, healed, pruned or rolled back, by name: when each begins (a cron line, on the clocks of `zone`), for how long (digits with m, h or d; 31d at most), why, and of which environments (all that is said is so of one; a * is any text). Absent: none."
  type = map(object({
    cron         = string
    length       = string
    zone         = optional(string, "Etc/UTC")
    reason       = optional(string)
    classes      = optional(list(string))
    environments = optional(list(string))
    labels       = optional(map(string))
  }))
  default = {}

  validation {
    condition     = alltrue([for window in values(var.freeze) : length(split(" ", trimspace(window.cron))) == 5])
    error_message = "A cron line has five fields: minute, hour, day of month, month, day of week."
  }

  validation {
    condition     = alltrue([for window in values(var.freeze) : can(regex("^[1-9][0-9]{0,8}[mhd]$", window.length))])
    error_message = "A length is digits with m, h or d, like 12h."
  }
}

variable "retention" {
  description = <<-EOT
    How uploads stay as they are. `mode` versions (default): what is replaced or deleted stays as a version for `noncurrent_days`, and whatever is deleted beyond that can be restored for
    `days` (7 to 90), also where somebody with all rights deleted it. `mode` write-once: for `days` nobody can replace or delete an object at all, so that each upload needs a name of its own;
    `locked` makes that irrevocable. Cloud Storage has one or the other: a bucket whose retention forbids replacing has no versions.
    `state_noncurrent_days`: after which replaced versions of state go.
  EOT
  type = object({
    mode                  = optional(string, "versions")
    days                  = optional(number, 30)
    locked                = optional(bool, false)
    noncurrent_days       = optional(number, 90)
    state_noncurrent_days = optional(number, 7)
  })
  default = {}

  validation {
    condition     = contains(["versions", "write-once"], var.retention.mode)
    error_message = "mode is versions or write-once."
  }

  validation {
    condition     = floor(var.retention.days) == var.retention.days && (var.retention.mode == "versions" ? var.retention.days >= 7 && var.retention.days <= 90 : var.retention.days >= 1 && var.retention.days <= 36500)
    error_message = "days is a whole number: 7 to 90 with versions, 1 to 36500 with write-once."
  }

  validation {
    condition     = var.retention.noncurrent_days >= 1 && var.retention.state_noncurrent_days >= 1
    error_message = "noncurrent_days and state_noncurrent_days are at least 1."
  }

  validation {
    condition     = !var.retention.locked || var.retention.mode == "write-once"
    error_message = "Only write-once can be locked."
  }
}

variable "kms_key" {
  description = "Cloud KMS key (projects/…/cryptoKeys/…) that encrypts the buckets. The service agent of Cloud Storage needs roles/cloudkms.cryptoKeyEncrypterDecrypter on it."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether `terraform destroy` leaves buckets alone that still hold objects."
  type        = bool
  default     = true
}

# --- Alerts and money ----------------------------------------------------------------------------------------------

variable "notifications" {
  description = "Who is told when the pipeline itself is in trouble: e-mail addresses, and notification channels of Cloud Monitoring that exist."
  type        = object({ emails = optional(list(string), []), channels = optional(list(string), []) })
  default     = {}
}

variable "diff_open_minutes" {
  description = "Minutes after which an environment that stays diverged raises an alert of Cloud Monitoring."
  type        = number
  default     = 60

  validation {
    condition     = var.diff_open_minutes >= 15 && var.diff_open_minutes <= 1380
    error_message = "diff_open_minutes is 15 to 1380 (23 hours): what Cloud Monitoring takes, and longer than a few checks."
  }
}

variable "check_missing_minutes" {
  description = "Minutes without a successful checkDrift that raise an alert of Cloud Monitoring, also where it never ran. More than two ticks of the schedule. Absent: three, and 30 at least."
  type        = number
  default     = null

  validation {
    condition     = var.check_missing_minutes == null ? true : var.check_missing_minutes >= 5 && var.check_missing_minutes <= 1380
    error_message = "check_missing_minutes is 5 to 1380 (23 hours)."
  }
}

variable "retried_minutes" {
  description = "Minutes for which a function's messages must fail by the same error, and come again, to raise an alert of Cloud Monitoring. They are given up after more than two hours."
  type        = number
  default     = 15

  validation {
    condition     = var.retried_minutes >= 1 && var.retried_minutes <= 60
    error_message = "retried_minutes is 1 to 60: messages are given up soon after two hours."
  }
}

variable "budget" {
  description = "Budget of the project: billing account (digits and dashes), whole units of its currency a month. Absent: none."
  type        = object({ billing_account = string, units = number, currency = string })
  default     = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)) && var.budget.units > 0
    error_message = "A billing account is like 012345-6789AB-CDEF01, and units are more than 0."
  }
}

variable "topic_schemas" {
  description = "Whether Pub/Sub checks each message against the schema of its topic, where there is one (see terraform/README.md)."
  type        = bool
  default     = true
}
