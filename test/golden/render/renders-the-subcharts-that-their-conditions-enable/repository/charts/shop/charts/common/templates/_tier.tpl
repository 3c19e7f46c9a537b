{{- define "common.tier" -}}gold{{- end -}}
