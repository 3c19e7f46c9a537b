output "name" {
  description = "Name of the function."
  value       = google_cloudfunctions2_function.this.name
}

output "email" {
  description = "Account that it runs as."
  value       = google_service_account.this.email
}

output "member" {
  description = "The same, as IAM writes it."
  value       = google_service_account.this.member
}

output "account_id" {
  description = "Id of that account."
  value       = google_service_account.this.account_id
}

output "entry_point" {
  description = "Name under which the function registers itself."
  value       = google_cloudfunctions2_function.this.build_config[0].entry_point
}

output "retry_policies" {
  description = "Retry policy of its trigger, where it has one."
  value       = google_cloudfunctions2_function.this.event_trigger[*].retry_policy
}

output "callers" {
  description = "Members that may call it."
  value       = [for grant in google_cloud_run_service_iam_member.callers : grant.member]
}

output "timeout" {
  description = "Seconds for a request."
  value       = google_cloudfunctions2_function.this.service_config[0].timeout_seconds
}

output "ingress" {
  description = "From where it is reached, as Google writes it."
  value       = google_cloudfunctions2_function.this.service_config[0].ingress_settings
}

output "egress" {
  description = "What leaves through the network, as Google writes it; null where it is attached to none."
  value       = google_cloudfunctions2_function.this.service_config[0].direct_vpc_egress
}

output "build" {
  description = "Pool of workers that builds it."
  value       = google_cloudfunctions2_function.this.build_config[0].worker_pool
}

output "updated" {
  description = "When it was deployed last."
  value       = google_cloudfunctions2_function.this.update_time
}

output "memory" {
  description = "What an instance has."
  value       = google_cloudfunctions2_function.this.service_config[0].available_memory
}

output "folders" {
  description = "Below /secrets, the folders of the secrets that it reads."
  value       = keys(var.secrets)
}

output "state" {
  description = "What it may do in the state bucket."
  value       = var.state
}
