# ruff: noqa: E501 - one request a line
"""Ways in which people ask task models other than sentiment, with what must be read, or None for a decline.

`HONEST` are requests that the task model could answer: it reads them exactly or hands them on. `DECOYS` look like its
task and are not; answering one is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from routers.specialists.registry import SpecialistCard
from routers.training.specialist.facts import facts_of

LABELS: dict[str, tuple[str, ...]] = {
    "spam_sms": ("ham", "spam"),
    "spam_email": ("ham", "spam"),
    "question_type": ("abbreviation", "description", "entity", "human", "location", "number"),
    "emotion": ("anger", "joy", "optimism", "sadness"),
    "irony": ("irony", "non_irony"),
    "offensive": ("not_offensive", "offensive"),
    "toxicity": ("hate", "neither", "offensive"),
    "headlines": ("down", "neutral", "none", "up"),
    "intent_banking77": (
        "activate_my_card", "age_limit", "atm_support", "card_arrival", "change_pin", "exchange_rate",
        "lost_or_stolen_card", "passcode_forgotten", "pin_blocked", "request_refund", "terminate_account",
        "top_up_failed", "transfer_timing", "visa_or_mastercard",
    ),
}  # fmt: skip


def card_of(task: str) -> SpecialistCard:
    """Return the card that training would write for a task, without weights."""
    labels = LABELS[task]
    facts = facts_of(task, labels)
    return SpecialistCard(
        format=1, name=task.replace("_", "-"), kind="text-classification", description=facts.description,
        labels=labels, base="tiny", base_sha256="0" * 64, licence="Apache-2.0", temperature=1, words=facts.words,
        subjects=facts.subjects, foreign_words=facts.foreign_words, vocabulary=facts.vocabulary,
        reads_requests=facts.reads_requests,
    )  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """One request to one task model; `words` are the wordings that must be read, in the order of its labels."""

    task: str
    prompt: str
    payload: str | None = None
    words: tuple[str, ...] | None = None
    system: str = ""
    named: bool = False
    turns: tuple[tuple[str, str], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the request as the OpenAI chat API takes it."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for user, assistant in self.turns:
            messages += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
        return {
            "model": "auto",
            "messages": [*messages, {"role": "user", "content": self.prompt}],
            **self.options,
        }


def schema(name: str, values: list[str]) -> dict[str, Any]:
    """Return a response format with one enum."""
    properties = {name: {"type": "string", "enum": values}}
    return {"response_format": {"type": "json_schema", "json_schema": {
        "name": "answer", "schema": {"type": "object", "properties": properties, "required": [name]}}}}  # fmt: skip


WIN = "WINNER!! You have won a 1000 pound prize. Call 09061701461 now to claim."
LATE = "Running late, see you at the station around eight"
MAIL = "Subject: Cheap pills\n\nBuy now and save 80% on all medications."
WHO = "Who wrote the opera Carmen?"
FAR = "How far is it from Denver to Aspen?"
SAD = "I miss my grandmother so much today"
MAD = "They cancelled my flight again, this is outrageous"
RAIN = "Great, another Monday with rain, just what I needed"
RUDE = "You are a complete moron and nobody likes you"
GOLD = "Gold falls Rs 250 on weak global cues"
PIN = "I typed my PIN wrong three times and now it says blocked"
HAM_SPAM, CAPS = ("ham", "spam"), ("HAM", "SPAM")
TYPES = "abbreviation, description, entity, human, location, number"
T6 = LABELS["question_type"]
FOUR = "anger, joy, optimism or sadness"
E4 = LABELS["emotion"]
YESNO = ("No", "Yes")
BANK = LABELS["intent_banking77"]
LISTED = ", ".join(BANK)
BULLETS = "\n".join(f"- {label}" for label in BANK)

HONEST = [
    # spam, short messages
    Ask("spam_sms", f"Is this message spam or ham? '{WIN}'", WIN, HAM_SPAM),
    Ask("spam_sms", f"Is this SMS spam or ham? Answer with one word.\n\n{LATE}", LATE, HAM_SPAM),
    Ask("spam_sms", f"Classify the following SMS as SPAM or HAM:\n\n{WIN}", WIN, CAPS),
    Ask("spam_sms", f"Classify the text message as spam or not spam.\n\nMessage: {WIN}", WIN, ("not spam", "spam")),
    Ask("spam_sms", f"Is the following message spam? Answer yes or no.\n\n{LATE}", LATE, ("no", "yes")),
    Ask("spam_sms", f"Is this text message spam? '{LATE}'", LATE, YESNO),
    Ask("spam_sms", f"Is this message spam or not? Answer yes or no. '{LATE}'", LATE, ("no", "yes")),
    Ask("spam_sms", f"Label this message: 1 for spam, 0 for ham.\n\n{WIN}", WIN, ("0", "1")),
    Ask("spam_sms", f"Label the message as spam (1) or ham (0).\nMessage: {WIN}\nLabel:", WIN, ("0", "1")),
    Ask("spam_sms", f"Determine whether the SMS is spam or legitimate.\n<sms>{WIN}</sms>", WIN, ("legitimate", "spam")),
    Ask("spam_sms", WIN, WIN, HAM_SPAM, system="You are a spam classifier. Answer spam or ham."),
    Ask("spam_sms", WIN, WIN, HAM_SPAM, system="You are an SMS spam filter. Reply with only one word: spam or ham."),
    Ask("spam_sms", f"Message: {LATE}", LATE, CAPS, system="Classify the user's message as SPAM or HAM. Output nothing else."),
    Ask("spam_sms", f"Spam or ham?\n\n{WIN}", WIN, HAM_SPAM),
    Ask("spam_sms", f"Classify as spam or ham.\n```\n{WIN}\n```", WIN, HAM_SPAM),
    Ask("spam_sms", f"SMS: Free entry, text WIN\nLabel: spam\n\nSMS: ok lar\nLabel: ham\n\nSMS: {LATE}\nLabel:", LATE, HAM_SPAM,
        system="Classify each SMS as spam or ham."),
    Ask("spam_sms", f"Classify this message as spam or ham: {LATE}", LATE, HAM_SPAM),
    Ask("spam_sms", f"Is this message spam or ham? '{WIN}'", WIN, HAM_SPAM, options=schema("label", ["spam", "ham"])),
    Ask("spam_sms", f"Detect spam. Answer spam or ham.\n\nText: {LATE}", LATE, HAM_SPAM),
    Ask("spam_sms", WIN, WIN, HAM_SPAM, named=True),
    Ask("spam_sms", LATE, LATE, HAM_SPAM, named=True),
    Ask("spam_sms", f"Would you say this one's spam or ham? {LATE}", LATE, HAM_SPAM),
    Ask("spam_sms", f"Ist diese Nachricht Spam oder Ham? '{WIN}'", WIN, ("Ham", "Spam")),
    # spam, e-mail
    Ask("spam_email", f"Is this email spam or ham?\n\n<email>\n{MAIL}\n</email>", MAIL, HAM_SPAM),
    Ask("spam_email", f"Classify the email below as spam or not spam.\n---\n{MAIL}\n---", MAIL, ("not spam", "spam")),
    Ask("spam_email", f"Is the following email spam? Answer yes or no.\n```\n{MAIL}\n```", MAIL, ("no", "yes")),
    Ask("spam_email", f'"""{MAIL}"""\n\nIs this email legitimate or spam?', MAIL, ("legitimate", "spam")),
    Ask("spam_email", MAIL, MAIL, HAM_SPAM, named=True),
    Ask("spam_email", "Buy now and save on all medications", "Buy now and save on all medications", HAM_SPAM,
        system="You are an email spam filter. Answer spam or ham."),
    Ask("spam_email", f"E-mail triage: spam or ham?\n\n{MAIL}", MAIL, HAM_SPAM),
    # question type
    Ask("question_type", f"Classify the question type as one of {TYPES}: '{WHO}'", WHO, T6),
    Ask("question_type", f"What is the type of this question? Options: {TYPES}.\n\nQuestion: {WHO}", WHO, T6),
    Ask("question_type", f"Classify the following question into one of these categories: {TYPES}.\n\nQuestion: {FAR}\nCategory:",
        FAR, T6),
    Ask("question_type", f"Question: {FAR}\nType:", FAR, T6, system=f"Classify the question type: {TYPES}."),
    Ask("question_type", FAR, FAR, T6, system=f"You are a question type classifier. Answer with exactly one of {TYPES}."),
    Ask("question_type", f"Determine the expected answer type ({TYPES}) of the question \"{WHO}\"", WHO, T6),
    Ask("question_type", f"Determine the answer type: ABBR, DESC, ENTY, HUM, LOC or NUM.\n\nQuestion: {WHO}", WHO,
        ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")),
    Ask("question_type", WHO, WHO, T6, named=True),
    Ask("question_type", f"What is the question type? '{FAR}'", FAR, T6, named=True),
    Ask("question_type", f"What kind of answer does this want: {TYPES}? {FAR}", FAR, T6),
    Ask("question_type", f"Classify the question type.\n<question>{WHO}</question>", WHO, T6,
        options=schema("type", list(T6))),
    # emotion
    Ask("emotion", f"Which emotion does this tweet express: {FOUR}? '{SAD}'", SAD, E4),
    Ask("emotion", f"Classify the emotion of the tweet as {FOUR}.\n\nTweet: {SAD}", SAD, E4),
    Ask("emotion", f"What is the main emotion of this text? Answer with one of: {FOUR}.\n\n{MAD}", MAD, E4),
    Ask("emotion", f"Identify the emotion ({FOUR}) in the following text:\n\n{MAD}", MAD, E4),
    Ask("emotion", f"Emotion ({FOUR}): {MAD}", MAD, E4),
    Ask("emotion", MAD, MAD, ("Anger", "Joy", "Optimism", "Sadness"),
        system="You are an emotion classifier. Answer with exactly one word: Anger, Joy, Optimism or Sadness."),
    Ask("emotion", f"Label the emotion: angry, happy, optimistic or sad.\n\nText: {SAD}\nEmotion:", SAD,
        ("angry", "happy", "optimistic", "sad")),
    Ask("emotion", f"Label the emotion as 0 = anger, 1 = joy, 2 = optimism, 3 = sadness.\n\n{SAD}", SAD, ("0", "1", "2", "3")),
    Ask("emotion", f"Tweet: so happy today\nEmotion: joy\n\nTweet: I hate this\nEmotion: anger\n\nTweet: {SAD}\nEmotion:", SAD, E4,
        system=f"Classify the emotion: {FOUR}."),
    Ask("emotion", SAD, SAD, E4, named=True),
    Ask("emotion", f"What is the emotion of this tweet? '{MAD}'", MAD, E4, named=True),
    Ask("emotion", f"What is the emotion of this tweet? '{MAD}'", MAD, E4, options=schema("emotion", list(E4))),
    Ask("emotion", f"Pick the feeling that fits best, {FOUR}:\n{SAD}", SAD, E4),
    Ask("emotion", f"Quelle émotion exprime ce tweet : anger, joy, optimism ou sadness ? {SAD}", SAD, E4),
    # irony
    Ask("irony", f"Is this tweet ironic? Answer yes or no. '{RAIN}'", RAIN, ("yes", "no")),
    Ask("irony", f"Is the following tweet ironic or not ironic?\n\n{RAIN}", RAIN, ("ironic", "not ironic")),
    Ask("irony", f"Classify the tweet as ironic or non-ironic.\n\nTweet: {RAIN}", RAIN, ("ironic", "non-ironic")),
    Ask("irony", f"Determine whether this text is ironic. Reply with 1 if it is ironic and 0 otherwise.\n\nText: {RAIN}", RAIN,
        ("1", "0")),
    Ask("irony", f"Classify the text: irony or non_irony.\n<text>{RAIN}</text>", RAIN, ("irony", "non_irony")),
    Ask("irony", RAIN, RAIN, ("irony", "non_irony"), named=True),
    Ask("irony", RAIN, RAIN, ("IRONIC", "NOT IRONIC"), system="You are an irony detector. Answer IRONIC or NOT IRONIC."),
    Ask("irony", f"Tell me whether this tweet is ironic or not ironic: \"{RAIN}\"", RAIN, ("ironic", "not ironic")),
    # offensive
    Ask("offensive", f"Is this tweet offensive? '{RUDE}'", RUDE, YESNO),
    Ask("offensive", f"Is this comment offensive or not offensive?\n\n{RUDE}", RUDE, ("not offensive", "offensive")),
    Ask("offensive", f"Classify the comment as OFFENSIVE or NOT OFFENSIVE.\n\nComment: {LATE}", LATE, ("NOT OFFENSIVE", "OFFENSIVE")),
    Ask("offensive", f"Does this message contain offensive language? Answer yes or no.\n\nMessage: {RUDE}", RUDE, ("no", "yes")),
    Ask("offensive", f"Label the post: 1 = offensive, 0 = not offensive.\n\nPost: {RUDE}", RUDE, ("0", "1")),
    Ask("offensive", RUDE, RUDE, ("not_offensive", "offensive"), named=True),
    Ask("offensive", RUDE, RUDE, ("not_offensive", "offensive"),
        system="Classify the user's message as offensive or not_offensive. Output only the label."),
    Ask("offensive", f"Would anyone be hurt by this? offensive / not offensive\n{RUDE}", RUDE, ("not offensive", "offensive")),
    # toxicity
    Ask("toxicity", f"Classify the tweet as hate, offensive or neither.\n\nTweet: {RUDE}", RUDE, ("hate", "neither", "offensive")),
    Ask("toxicity", f"Is this comment hate speech, offensive language or neither? '{RUDE}'", RUDE,
        ("hate speech", "neither", "offensive language")),
    Ask("toxicity", f"Label the post as HATE, OFFENSIVE or NEITHER:\n```\n{RUDE}\n```", RUDE, ("HATE", "NEITHER", "OFFENSIVE")),
    Ask("toxicity", f"Classify: 0 = hate, 1 = offensive, 2 = neither.\n\nText: {LATE}", LATE, ("0", "2", "1")),
    Ask("toxicity", RUDE, RUDE, ("hate", "neither", "offensive"), named=True),
    Ask("toxicity", RUDE, RUDE, ("hate", "neither", "offensive"),
        system="You are a content moderation classifier. Answer hate, offensive or neither."),
    # headlines
    Ask("headlines", f"Determine the gold price direction (up, down, neutral or none) in this headline: '{GOLD}'", GOLD,
        ("down", "neutral", "none", "up")),
    Ask("headlines", f"Classify the price direction of the news headline as up, down, neutral or none.\n\nHeadline: {GOLD}", GOLD,
        ("down", "neutral", "none", "up")),
    Ask("headlines", f"Please determine the price direction (up, down, neutral, or none) in the following news headline.\n\n"
        f"Headline: {GOLD}\nAnswer:", GOLD, ("down", "neutral", "none", "up")),
    Ask("headlines", GOLD, GOLD, ("down", "neutral", "none", "up"), named=True),
    Ask("headlines", GOLD, GOLD, ("DOWN", "NEUTRAL", "NONE", "UP"),
        system="Classify the price direction of the headline. Answer with UP, DOWN, NEUTRAL or NONE."),
    Ask("headlines", f"Does gold rise or fall here? up, down, neutral, none. {GOLD}", GOLD, ("down", "neutral", "none", "up")),
    # intents
    Ask("intent_banking77", f"Classify the intent of the customer query into one of: {LISTED}.\n\nQuery: {PIN}", PIN, BANK),
    Ask("intent_banking77", f"What is the intent of this message? Options: {LISTED}.\n\n\"{PIN}\"", PIN, BANK),
    Ask("intent_banking77", f"Classify the intent of the query. Choose exactly one of the following:\n{BULLETS}\n\nQuery: {PIN}", PIN,
        BANK),
    Ask("intent_banking77", PIN, PIN, BANK, system=f"You are an intent classifier. Intents: {LISTED}. Answer with the intent only."),
    Ask("intent_banking77", PIN, PIN, BANK, named=True),
    Ask("intent_banking77", f"What is the intent of this query?\n<query>{PIN}</query>", PIN, BANK, named=True),
    Ask("intent_banking77", f"Classify the intent.\n\nQuery: {PIN}", PIN, BANK, options=schema("intent", list(BANK))),
    Ask("intent_banking77", f"Which of these does the customer want ({LISTED})? {PIN}", PIN, BANK),
]  # fmt: skip

DECOYS = [
    Ask("spam_sms", f"Is this email spam or ham? '{WIN}'"),
    Ask("spam_sms", f"Is this message spam, ham or phishing? '{WIN}'"),
    Ask("spam_sms", f"Is this message spam or ham? Explain why. '{WIN}'"),
    Ask("spam_sms", f"Write a spam message like this one: '{WIN}'"),
    Ask("spam_sms", f"Is this message spam or ham? How sure are you in percent? '{WIN}'"),
    Ask("spam_sms", f"Are these messages spam or ham?\n1. {WIN}\n2. {LATE}"),
    Ask("spam_sms", "Is spam or ham better on a sandwich?"),
    Ask("spam_sms", f"Classify as spam or ham and translate to French:\n\n{WIN}"),
    Ask("spam_sms", f"Rate this message from 1 to 10 for spam: {WIN}", named=True),
    Ask("spam_sms", f"Classify this as spam, ham or promotional:\n{WIN}", named=True),
    Ask("spam_sms", f"Is this message spam or ham? '{WIN}'", options={"tools": [{"type": "function"}]}),
    Ask("spam_sms", f"Is this message spam or ham? '{WIN}'", options=schema("label", ["spam", "ham", "unsure"])),
    Ask("spam_email", f"Is this SMS spam or ham? '{WIN}'"),
    Ask("spam_email", f"Is this email spam or ham, and what should I reply?\n```\n{MAIL}\n```"),
    Ask("spam_email", "How does an email spam filter work?"),
    Ask("spam_email", f"Summarise this email: spam or ham?\n```\n{MAIL}\n```"),
    Ask("question_type", WHO),
    Ask("question_type", f"Answer this question: {WHO}"),
    Ask("question_type", f"Classify the question type as human or location: '{WHO}'"),
    Ask("question_type", f"Classify the question type as {TYPES} or other: '{WHO}'"),
    Ask("question_type", f"Classify the question type ({TYPES}) and answer it: '{WHO}'"),
    Ask("question_type", f"What is the question type? '{FAR}'"),
    Ask("emotion", f"Which emotion does this tweet express: {FOUR} or fear? '{SAD}'"),
    Ask("emotion", f"Is this tweet happy or sad? '{SAD}'"),
    Ask("emotion", f"What emotions are in this tweet ({FOUR})? List all. '{SAD}'"),
    Ask("emotion", f"Rewrite this tweet with {FOUR}: '{SAD}'"),
    Ask("emotion", f"Which emotion is it, {FOUR}, and how strong? '{SAD}'"),
    Ask("emotion", f"Classify the emotion as anger, joy, optimism, sadness or neutral.\n\n{SAD}", named=True),
    Ask("emotion", "What is the difference between joy and optimism?"),
    Ask("emotion", f"Emotion of the speaker's boss ({FOUR}): {MAD}"),
    Ask("emotion", f"Which emotion would a {FOUR} person answer with? '{MAD}'"),
    Ask("irony", f"Is this tweet sarcastic? '{RAIN}'"),
    Ask("irony", f"Is this tweet ironic or literal? '{RAIN}'"),
    Ask("irony", f"Explain the irony in this tweet: '{RAIN}'"),
    Ask("irony", f"Is this tweet ironic? If so, rewrite it. '{RAIN}'"),
    Ask("irony", "Is it ironic that a fire station burned down?"),
    Ask("offensive", f"Is this tweet offensive, hateful or neither? '{RUDE}'"),
    Ask("offensive", f"Make this tweet not offensive: '{RUDE}'"),
    Ask("offensive", f"Who is the target of this offensive tweet? '{RUDE}'"),
    Ask("offensive", f"Which words are offensive? '{RUDE}'"),
    Ask("toxicity", f"Is this comment toxic? '{RUDE}'"),
    Ask("toxicity", f"Is this hate speech? Answer yes or no. '{RUDE}'"),
    Ask("toxicity", f"Classify as hate, offensive, neither or spam.\n\nText: {RUDE}"),
    Ask("toxicity", f"Why do people hate offensive comments? '{RUDE}'"),
    Ask("headlines", f"Classify the price direction as up or down.\n\nHeadline: {GOLD}"),
    Ask("headlines", f"Is the sentiment of this gold headline up, down, neutral or none? '{GOLD}'"),
    Ask("headlines", f"Will the gold price go up or down tomorrow? '{GOLD}'"),
    Ask("headlines", f"Determine the oil price direction (up, down, neutral or none): '{GOLD}'"),
    Ask("intent_banking77", f"Classify the intent into one of: {', '.join(BANK[:8])}.\n\nQuery: {PIN}"),
    Ask("intent_banking77", f"Classify the intent into one of: {LISTED}, complaint.\n\nQuery: {PIN}"),
    Ask("intent_banking77", f"Answer the customer's query: {PIN}"),
    Ask("intent_banking77", f"Classify the intent into one of: {LISTED}. Then draft a reply.\n\nQuery: {PIN}"),
    Ask("intent_banking77", f"What is the intent of this query? '{PIN}'"),
    Ask("intent_banking77", PIN),
]  # fmt: skip
