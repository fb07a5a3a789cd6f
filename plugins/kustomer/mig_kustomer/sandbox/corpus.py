"""What people write to a desk: made up, in the languages and with the oddities real desks hold."""

from __future__ import annotations

import random

PHRASES: dict[str, tuple[str, ...]] = {
    "en_us": (
        "Where is my parcel? The page has said “out for delivery” for four days.",
        "Please change the address on order #4821 & send me a new invoice.",
        "I'd like my money back – the shoes don't fit.",
        "Thanks, that worked!",
        "Our accountant needs the VAT number on page 2 <again>.",
        "Is the blue one back in stock?",
    ),
    "de": (
        "Wo bleibt meine Lieferung? Laut Status wurde sie schon zugestellt.",
        "Bitte stornieren Sie die Bestellung, die Größe war falsch.",
        "Vielen Dank für die schnelle Rückmeldung!",
        "Ich möchte meinen Vertrag zum nächsten Monat kündigen.",
    ),
    "fr": (
        "Bonjour, je n'ai toujours pas reçu mon colis.",
        "Pourriez-vous m'envoyer la facture ? Merci d'avance.",
        "C'est réglé, merci beaucoup !",
    ),
    "es": ("¿Dónde está mi pedido?", "Quiero cambiar la talla, por favor.", "Muchas gracias por la ayuda."),
    "ja": ("注文した商品がまだ届きません。", "返金をお願いします。", "ありがとうございました。"),
    "zh_cn": ("我的包裹什么时候到？", "请帮我改一下收货地址。", "谢谢，已经解决了。"),
    "ar": ("أين طلبي؟ لم يصل بعد.", "أريد استرداد المبلغ من فضلكم.", "شكرا جزيلا"),
    "he": ("איפה ההזמנה שלי?", "תודה רבה על העזרה!"),
    "ru": ("Где мой заказ? Прошло две недели.", "Спасибо, вопрос решён."),
    "th": ("สินค้ายังไม่มาถึง", "ขอบคุณมากค่ะ"),
    "hi": ("मेरा ऑर्डर कहाँ है?", "धन्यवाद, समस्या हल हो गई।"),
    "ko": ("주문한 상품이 아직 도착하지 않았어요.", "환불 부탁드립니다."),
}

LANGUAGES = tuple(PHRASES)
#: How common each language is: the first one leads.
LANGUAGE_WEIGHTS = (36, 12, 8, 7, 6, 8, 6, 4, 5, 4, 2, 2)

FIRST_NAMES = ("Ada", "Jürgen", "Chloé", "Íñigo", "陽子", "伟", "ليلى", "נועה", "Ольга", "สมชาย", "D'Arcy", "Mary Ann")
LAST_NAMES = (
    "Example",
    "Größer",
    "Núñez",
    "O'Hara",
    "山田",
    "王",
    "حسن",
    "Кузнецова",
    "van der Berg",
    "Null",
    "<Test>",
)

FILE_NAMES = (
    ("photo.jpg", "image/jpeg"),
    ("Rechnung März.pdf", "application/pdf"),
    ("screen shot (2).png", "image/png"),
    ("../../etc/passwd", "text/plain"),
    ("voice.ogg", "audio/ogg"),
    ("100%25 sure?.txt", "text/plain"),
    ("名簿.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("\u202egpj.exe", "application/octet-stream"),
    ("noextension", ""),
)

#: Put behind a phrase now and then.
_ODDITIES = (
    " 😀🏽",
    " \u202eright to left\u202c",
    " tab\tand\r\nreturn",
    "\u0000",
    "\u200b\ufeff",
    " &amp;nbsp; &lt;b&gt;",
    "\n\n> quoted\n> twice",
    " https://shop.example.com/o?id=1&x=ü",
    " \ud83d",  # half an emoji, as a preview that was cut leaves behind
)


def say(rnd: random.Random, language: str) -> str:
    """A message in a language: mostly a few phrases, now and then something a parser must survive."""
    phrases = PHRASES.get(language, PHRASES["en_us"])
    text = phrases[int(rnd.random() * len(phrases))]
    mark = rnd.random()
    if mark < 0.25:
        text += "\n\n" + phrases[int(rnd.random() * len(phrases))]
    if mark > 0.95:
        text += _ODDITIES[int(rnd.random() * len(_ODDITIES))]
    if 0.500 < mark < 0.501:
        text = (text + " ") * 400
    return text
