"""Tags of the design layer."""

from django import template

register = template.Library()
