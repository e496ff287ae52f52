"""Requests of every task as people write them, with the task each asks for; labelled before any was classified."""

from __future__ import annotations

from typing import Final

MIXED: Final[dict[str, tuple[str, ...]]] = {
    "chat": (
        "good morning! how was your night?",
        "I feel a bit lonely today, can we talk?",
        "haha that's a good one",
        "who are you and who made you?",
    ),
    "question answering": (
        "Which planet has the most moons?",
        "who wrote the opera carmen",
        "Why does ice float on water?",
        "What's the difference between a viola and a violin?",
        "How long can a camel go without drinking?",
    ),
    "math": (
        "A shop sells pens at 3 for 2 euros. How much are 12 pens?",
        "integrate x^2 * sin(x) dx",
        "What's the probability of rolling at least one six in four throws?",
        "Is 221 prime?",
    ),
    "code": (
        "write a python function that merges two sorted lists",
        "My React component re-renders on every keystroke, what am I doing wrong?",
        "Convert this loop to a list comprehension: for x in xs: ys.append(x*2)",
        "regex for a Swiss postal code please",
        "How do I undo the last git commit without losing the changes?",
    ),
    "text-to-sql": (
        "Turn this into SQL: customers from Bern who ordered twice in May",
        "Given orders(id, customer, total), write a query for the three largest orders of each customer.",
    ),
    "writing": (
        "Write an email to my landlord about the broken heating.",
        "Draft a job posting for a night nurse in Leeds.",
        "I need a cover letter for a junior accountant position, one page.",
    ),
    "creative": (
        "Write a haiku about a tram in the rain.",
        "Make up a bedtime story with a snail and a lighthouse.",
        "give me three names for a fantasy tavern",
    ),
    "rewriting": (
        "Make this sound friendlier: 'Send me the file today.'",
        "Fix the grammar: me and him goes to school yesterday",
        "Rephrase in plain English: 'The lessee shall indemnify the lessor.'",
        "Shorten this to one sentence without losing the date: The workshop, which had been planned for March, will "
        "now be held on 4 April in the large hall.",
    ),
    "summarisation": (
        "tl;dr of this please: The council met on Monday. After two hours of debate about parking fees it adjourned "
        "without a vote, and will meet again next week.",
        "Give me the key points of the following minutes: budget approved, new roof postponed, Anna joins the board.",
    ),
    "translation": (
        "How do you say 'the bill, please' in Portuguese?",
        "Translate to French: The meeting was moved to Thursday.",
        "auf Englisch: Der Zug hat zehn Minuten Verspätung.",
    ),
    "classification": (
        "Is this ticket about billing, shipping or returns? 'My parcel never came.'",
        "Sort into urgent / not urgent: 'The server room is on fire'",
        "Pick the category (sports, politics, science) of this headline: Probe lands on asteroid",
    ),
    "extraction": (
        "Pull the invoice number and the total out of: Invoice 8841, due 3 May, total 219.40 EUR",
        "From the text below return JSON with departure and arrival. We leave Oslo at 9 and reach Bergen at 4.",
    ),
    "sentiment": (
        "Positive or negative? 'Two hours of my life I will never get back.'",
        "How does the author feel about the hotel: 'Lovely staff, dreadful beds.'",
    ),
    "emotion": (
        "Which emotion is in this message: 'I can't believe she forgot my birthday again'",
        "joy, anger, fear or sadness? 'The dog ran off and it's getting dark'",
    ),
    "spam": (
        "Is this spam? 'You have been chosen for a free cruise, reply YES now'",
        "Would you call this message junk: 'Lunch at 12 as usual?'",
    ),
    "moderation": (
        "Does this comment break our rules on hate speech? 'People like you should not be allowed to vote'",
        "Flag this as toxic or fine: 'what a silly thing to say'",
    ),
    "entity extraction": (
        "List all people and places in: 'Maria met Tom in Lisbon before flying to Oslo.'",
        "Tag the organisations in this sentence: Siemens and the University of Graz signed a contract.",
    ),
    "intent": (
        "my card was declined at the supermarket",
        "set an alarm for six thirty",
        "what's my account balance",
        "book me a table for two at eight",
    ),
}
