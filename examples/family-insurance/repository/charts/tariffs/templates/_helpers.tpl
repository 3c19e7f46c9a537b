{{- define "tariffs.selector" -}}
app.kubernetes.io/name: tariff-publisher
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tariffs.labels" -}}
{{ include "tariffs.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: family-insurance
{{- end -}}
