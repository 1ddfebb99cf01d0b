variable "namespace" {
  description = "The namespace that tolkien runs in."
  type        = string
  default     = "tolkien"
}

variable "agent_service_account" {
  description = "The service account of the pod."
  type        = string
  default     = "tolkien"
}

variable "operator_service_account" {
  description = "The service account that the Vault Secrets Operator logs in with. No pod runs under it."
  type        = string
  default     = "tolkien-secrets"
}

variable "auth_mount" {
  description = "Where the kubernetes auth method of the cluster is mounted."
  type        = string
  default     = "kubernetes"
}

variable "kv_mount" {
  description = "Where the key-value engine, version 2, is mounted."
  type        = string
  default     = "secret"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.kv_mount))
    error_message = "Write the mount without slashes, as in secret."
  }
}

variable "path" {
  description = "Below which path of the mount tolkien's own secrets lie."
  type        = string
  default     = "tolkien"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", var.path))
    error_message = "Write the path without a slash at either end, and without wildcards, as in tolkien."
  }
}

variable "audience" {
  description = "The audience of the service accounts' tokens."
  type        = string
  default     = "vault"
}
