"""Prints updates as a bot with many users gets them: updates.py COUNT [FIRST_ID]. The same at every run."""

import json
import random
import sys

CHATS = 100000
START = 1790000000
PER_SECOND = 300
WORDS = ("report please the server build is done why not again thanks today where can I find it "
         "deploy failed \u0441\u043f\u0430\u0441\u0438\u0431\u043e \U0001f44d caf\u00e9 \u00fcber").split()
NAMES = "Anna Bert Carla Dmitri Elif Farid Gr\u00e9ta Hiro \u0418\u0433\u043e\u0440\u044c Jo\u00e3o".split()


def person(random, number):
    user = {"id": 400000000 + number * 7, "is_bot": False, "first_name": NAMES[number % len(NAMES)]}
    if number % 3:
        user["last_name"] = NAMES[number // 7 % len(NAMES)]
    if number % 4:
        user["username"] = "person_%d" % number
    user["language_code"] = ("en", "de", "ru")[number % 3]
    return user


def chat_of(user):
    return {key: user[key] for key in ("id", "first_name", "last_name", "username") if key in user} | {
        "type": "private"}


def group_of(number):
    return {"id": -1001000000000 - number % 500, "title": "Team %d" % (number % 500), "type": "supergroup"}


def message(random, user, chat, date):
    return {"message_id": random.randrange(1, 10**6), "from": user, "chat": chat, "date": date}


def command(random, user, date):
    name = random.choice(("/help", "/help", "/start", "/whoami", "/scripts", "/status", "/jobs", "/run backup.sh"))
    group = random.random() < 0.15
    text = name + ("@sim_bot" if group else "")
    made = message(random, user, group_of(user["id"]) if group else chat_of(user), date)
    return {"message": made | {"text": text, "entities": [
        {"offset": 0, "length": len(text.split()[0]), "type": "bot_command"}]}}


def words(random, user, date):
    text = " ".join(random.choice(WORDS) for _ in range(random.randrange(2, 30)))
    chat = group_of(user["id"]) if random.random() < 0.1 else chat_of(user)
    return {"message": message(random, user, chat, date) | {"text": text}}


def photo(random, user, date):
    sizes = [{"file_id": "AgACAgIAAxkBAAI" + "%040x" % random.getrandbits(160), "file_unique_id": "AQAD%08x" % side,
              "file_size": side * 90, "width": side, "height": side * 3 // 4} for side in (90, 320, 800, 1280)]
    return {"message": message(random, user, chat_of(user), date) | {"photo": sizes, "caption": "my screen"}}


def tap(random, user, date):
    bot = {"id": 123456, "is_bot": True, "first_name": "Server", "username": "sim_bot"}
    shown = message(random, bot, chat_of(user), date - 60) | {
        "text": "Your scripts:\nbackup.sh - last run: 5m ago, last sent: never", "reply_markup": {
            "inline_keyboard": [[{"text": "backup.sh", "callback_data": "run:%d" % random.randrange(10**6)}]]}}
    return {"callback_query": {
        "id": str(random.getrandbits(63)), "from": user, "message": shown,
        "chat_instance": str(random.getrandbits(63)),
        "data": random.choice(("run", "stop", "scripts", "ACCEPT")) + ":%d" % random.randrange(10**6)}}


def member(random, user, date):
    bot = {"id": 123456, "is_bot": True, "first_name": "Server", "username": "sim_bot"}
    now, before = random.sample(("member", "kicked"), 2)
    return {"my_chat_member": {
        "chat": chat_of(user), "from": user, "date": date,
        "old_chat_member": {"user": bot, "status": before}, "new_chat_member": {"user": bot, "status": now}}}


def edited(random, user, date):
    return {"edited_message": words(random, user, date)["message"] | {"edit_date": date}}


def reaction(random, user, date):
    return {"message_reaction": {
        "chat": group_of(user["id"]), "message_id": random.randrange(1, 10**6), "user": user, "date": date,
        "old_reaction": [], "new_reaction": [{"type": "emoji", "emoji": "\U0001f44d"}]}}


def main():
    count = int(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 100000000
    seeded = random.Random(5)
    kinds = [command] * 40 + [words] * 32 + [photo] * 5 + [tap] * 13 + [member] * 3 + [edited] * 4 + [reaction] * 3
    for i in range(count):
        user = person(seeded, seeded.randrange(CHATS))
        update = {"update_id": first + i} | seeded.choice(kinds)(seeded, user, START + i // PER_SECOND)
        print(json.dumps(update, separators=(",", ":")))


main()
