"""Pure price calculation: no I/O, exact fractions inside, rounded by the one rule of kernel.money.

drafts   what a rate or a fee rule must say before it is kept
stays    a period as pricing counts it: local dates, nights, hours, guests
tariffs  the unit price on a day, the rate's lines, the discount for a long stay
extras   fees and taxes on top
prices   the whole price; the range of an estimate
"""
