"""Electrochemistry of membranes and solutions: numbers in, numbers out, and nothing else of the program.

Reading order
-------------
1. `membrane.nernst`: equilibrium potential of one ion.
2. `membrane.ghk`: Goldman-Hodgkin-Katz current of several ions, its reversal potential and gradient.
   Beside it `membrane.ratio` (one ratio from a reversal potential), `membrane.chord` (conductances in place of
   permeabilities) and `membrane.thermodynamics` (driving force, energy, flux ratio, thermal noise).
3. `membrane.junction`: liquid junction potentials by Henderson's equation, and `membrane.nernst_planck`: the same
   without Henderson's assumption. `membrane.junction_methods` lists the two by name.
4. `solution.activity`: activity coefficients by Davies' and Debye and Hueckel's equations, `solution.pitzer`: by
   Pitzer's; `solution.coefficients` is the registry of these models. `solution.ions` holds the ions,
   `solution.components` their names in recipes; `solution.equilibria` calculates the binding of protons and metals at
   a known pH, and `solution.charge_balance` the pH where a recipe gives none.

Symbols
-------
========  =======================================  ==================================================================
symbol    quantity                                 unit
========  =======================================  ==================================================================
V, E      membrane, equilibrium potential          mV, inside minus outside
I         current                                  positive outward; in `ghk` in units of permeability x F x activity
z         charge number                            signed
c, a, g   concentration, activity, coefficient     mM, mM, 1 (a = g c)
P, r      permeability, ratio                      any one unit; 1
u         absolute mobility                        relative to K
T         temperature                              degrees Celsius in arguments, kelvin in equations
RT/F      thermal voltage                          mV; 25.69 at 25 C
========  =======================================  ==================================================================

A junction potential is V_bath - V_pipette. An anion that enters is an outward current. In every array argument the
last axis is the ions, and the leading axes broadcast. Arguments end in their unit (`voltage_mV`); activities and
concentrations without a unit may be in any one unit, because only their ratios matter.
"""
