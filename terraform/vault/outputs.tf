output "agent_role" {
  description = "For vault.agent.role of the chart."
  value       = vault_kubernetes_auth_backend_role.agent.role_name
}

output "operator_role" {
  description = "For vault.operator.role of the chart."
  value       = vault_kubernetes_auth_backend_role.operator.role_name
}
