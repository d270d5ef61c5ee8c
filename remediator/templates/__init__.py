"""Go's text/template with Prometheus' functions, as far as the texts of alerts use them.

A leaf: the linter checks what the evaluator expands, and neither knows the other. The language is that of
https://pkg.go.dev/text/template (Go 1.19), the functions are those of
https://prometheus.io/docs/prometheus/2.42/configuration/template_reference/.
"""
