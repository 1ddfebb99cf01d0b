# Two roles, so that the agent never holds what the operator reads: the Vault Secrets Operator copies tolkien's own secrets into
# the Secret of its namespace, and the agent's `vault` tool sees names, versions and ages of all secrets, and no value.

resource "vault_policy" "agent" {
  name   = "tolkien"
  policy = templatefile("${path.module}/policies/agent.hcl", { mount = var.kv_mount })
}

resource "vault_policy" "operator" {
  name   = "tolkien-secrets"
  policy = templatefile("${path.module}/policies/operator.hcl", { mount = var.kv_mount, path = var.path })
}

resource "vault_kubernetes_auth_backend_role" "agent" {
  backend                          = var.auth_mount
  role_name                        = "tolkien"
  bound_service_account_names      = [var.agent_service_account]
  bound_service_account_namespaces = [var.namespace]
  audience                         = var.audience
  token_policies                   = [vault_policy.agent.name]
  token_no_default_policy          = true
  token_ttl                        = 1200
  token_max_ttl                    = 3600
}

resource "vault_kubernetes_auth_backend_role" "operator" {
  backend                          = var.auth_mount
  role_name                        = "tolkien-secrets"
  bound_service_account_names      = [var.operator_service_account]
  bound_service_account_namespaces = [var.namespace]
  audience                         = var.audience
  token_policies                   = [vault_policy.operator.name]
  token_ttl                        = 600
  token_max_ttl                    = 3600
}
