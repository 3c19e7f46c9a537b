{{- define "shop.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "shop.settings" -}}
tenant: {{ required "shop.tenant: whose shop is it?" .Values.shop.tenant | quote }}
currency: {{ .Values.shop.currency | quote }}
greeting: {{ .Values.shop.greeting | quote }}
products: {{ join "," .Values.products | quote }}
{{- end -}}
