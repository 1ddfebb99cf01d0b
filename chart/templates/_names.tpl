{{- /* Names and labels, and what several templates say alike. */ -}}

{{- define "tolkien.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tolkien.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "tolkien.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tolkien.selector" -}}
app.kubernetes.io/name: {{ include "tolkien.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tolkien.labels" -}}
{{ include "tolkien.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tolkien.serviceAccount" -}}
{{- default (include "tolkien.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "tolkien.configMap" -}}
{{- default (printf "%s-config" (include "tolkien.fullname" .)) .Values.config.existingConfigMap -}}
{{- end -}}

{{- define "tolkien.claim" -}}
{{- default (include "tolkien.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "tolkien.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- /* What every container may: nothing. */ -}}
{{- define "tolkien.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
