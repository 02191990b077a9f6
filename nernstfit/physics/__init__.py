"""Electrochemistry of membranes and solutions: numbers in, numbers out.

Potentials are inside minus outside, in mV; current is positive outward; concentrations are in mM. In every array
argument the last axis is the ions and the leading axes broadcast.
"""
