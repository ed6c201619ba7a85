"""A day's temperature, and the thermostat that heats it."""

from seqfit_thermostat.day import Day
from seqfit_thermostat.thermostat import Thermostat

__all__ = ["Day", "Thermostat"]
