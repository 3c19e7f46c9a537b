variable "project" {
  description = "Id of the project."
  type        = string
}

variable "region" {
  description = "Region of the function."
  type        = string
}

variable "name" {
  description = "Name of the function, and of its service on Cloud Run."
  type        = string
}

variable "account_id" {
  description = "Id of the service account that it runs as, and that nothing else runs as."
  type        = string
}

variable "entry_point" {
  description = "Name under which the function registers itself."
  type        = string
}

variable "description" {
  description = "What it does, in a line."
  type        = string
}

variable "labels" {
  description = "Labels of the function."
  type        = map(string)
}

variable "source_archive" {
  description = "Bucket and name of the archive."
  type        = object({ bucket = string, object = string })
}

variable "build" {
  description = "Service account that builds (resource name), the repository of images, and the pool of workers, where it is not Google's own."
  type        = object({ service_account = string, repository = string, worker_pool = optional(string) })
}

variable "size" {
  description = "Memory, CPUs, seconds for a request, requests at a time of an instance, and how many instances."
  type        = object({ memory = string, cpu = string, timeout = number, concurrency = number, max_instances = number, min_instances = optional(number, 0) })
}

variable "overrides" {
  description = "What the operator sets of the size."
  type = object({
    memory        = optional(string)
    cpu           = optional(string)
    timeout       = optional(number)
    concurrency   = optional(number)
    max_instances = optional(number)
    min_instances = optional(number)
  })
  default  = {}
  nullable = false
}

variable "config" {
  description = "The version of the secret that holds the configuration."
  type        = object({ project = string, secret = string, version = string })
}

variable "secrets" {
  description = "The secrets it reads, by folder below /secrets."
  type        = map(object({ project = string, secret = string, version = string, file = string }))
  default     = {}
}

variable "state" {
  description = "The state bucket: whether it reads all of it (`all`), the names of objects and what it writes (`own`), or nothing; and what it writes, by the beginning of the name."
  type        = object({ bucket = string, reads = string, writes = optional(list(string), []) })
  default     = null

  validation {
    condition     = var.state == null ? true : contains(["all", "own"], var.state.reads)
    error_message = "reads is all or own."
  }
}

variable "uploads" {
  description = "The buckets that it reads, by class."
  type        = map(string)
  default     = {}
}

variable "publishes" {
  description = "The topics that it publishes to, by name without prefix."
  type        = map(string)
  default     = {}
}

variable "callers" {
  description = "Members that may call it, by a name of their own."
  type        = map(string)
  default     = {}
}

variable "uploads_of" {
  description = "The bucket whose uploads it is called for, and the account that Eventarc calls it by."
  type        = object({ bucket = string, caller = string })
  default     = null
}

variable "ingress" {
  description = "From where it is reached: all, load-balancer, or internal (Google's own services, and networks, of this project)."
  type        = string
  default     = "internal"
}

variable "vpc" {
  description = "Subnetwork that it is attached to."
  type        = object({ network = optional(string), subnetwork = string, all_traffic = optional(bool, false) })
  default     = null
}
