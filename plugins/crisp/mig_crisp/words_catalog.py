"""What mig itself says on the desk, in the languages it can say it in."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Words(Struct, frozen=True, kw_only=True):
    """One language. A text in brackets stands alone in a note; `{}` is where a name or number goes."""

    redacted: str
    part_redacted: str
    opening: str
    files_only: str
    redacted_here: str
    """In a thread told as one note."""
    subject: str
    customer: str
    team: str
    private_note: str
    unknown: str
    """Who wrote a note on a notepad."""
    unnamed: str
    """A customer of whom only the channel is known."""
    rating: str
    score: str
    call: str
    call_parts: Mapping[str, str]
    """The parts of a call's line, by their English names."""
    file: str
    not_found: str
    """Of a file that the source names and does not have."""
    reasons: Mapping[str, str]
    """Why a file could not arrive, by the English templates; another reason is told as it is."""


ENGLISH = Words(
    redacted="[This message was redacted at the source.]",
    part_redacted="[A part of this message was redacted at the source.]",
    opening="[This conversation began with a message from the team.]",
    files_only="[This thread holds files only.]",
    redacted_here="[redacted at the source]",
    subject="Subject",
    customer="customer",
    team="team",
    private_note="private note",
    unknown="unknown",
    unnamed="{} customer",
    rating="rating",
    score="score",
    call="call",
    call_parts={name: name for name in ("from", "to", "started", "answered", "ended", "status")},
    file="file",
    not_found="not found at the source",
    reasons={},
)

GERMAN = Words(
    redacted="[Diese Nachricht wurde an der Quelle geschwärzt.]",
    part_redacted="[Ein Teil dieser Nachricht wurde an der Quelle geschwärzt.]",
    opening="[Diese Unterhaltung begann mit einer Nachricht des Teams.]",
    files_only="[Diese Unterhaltung enthält nur Dateien.]",
    redacted_here="[an der Quelle geschwärzt]",
    subject="Betreff",
    customer="Kunde",
    team="Team",
    private_note="private Notiz",
    unknown="unbekannt",
    unnamed="Kunde ({})",
    rating="Bewertung",
    score="Punkte",
    call="Anruf",
    call_parts={
        "from": "von",
        "to": "an",
        "started": "begonnen",
        "answered": "angenommen",
        "ended": "beendet",
        "status": "Status",
    },
    file="Datei",
    not_found="an der Quelle nicht gefunden",
    reasons={
        "the source gives no address for it": "die Quelle nennt keine Adresse dafür",
        "it was redacted at the source": "sie wurde an der Quelle geschwärzt",
        "it is larger than this workspace takes ({} MB)": "sie ist größer, als dieser Arbeitsbereich annimmt ({} MB)",
        "it is larger than {} MB ([engine] file_mb)": "sie ist größer als {} MB ([engine] file_mb)",
        "Crisp takes no such file ({}): its extension may not be on the plan's list": (
            "Crisp nimmt keine solche Datei an ({}): ihre Endung steht vielleicht nicht auf der Liste des Tarifs"
        ),
        "Crisp's bucket refuses it ({})": "der Speicher von Crisp lehnt sie ab ({})",
        "the source cannot give files": "die Quelle kann keine Dateien liefern",
        "its address was redirected more than {} times": "ihre Adresse wurde mehr als {} Mal weitergeleitet",
        "its address is no address": "ihre Adresse ist keine Adresse",
        "its address is no address of the web": "ihre Adresse ist keine Adresse im Web",
        "its address carries credentials and was not followed": (
            "ihre Adresse enthält Zugangsdaten, ihr wurde nicht gefolgt"
        ),
        "its address is not https and was not followed": "ihre Adresse ist nicht https, ihr wurde nicht gefolgt",
        "its address leads into a private network and was not followed": (
            "ihre Adresse führt in ein privates Netz, ihr wurde nicht gefolgt"
        ),
        "its store sends it packed ({}), though it was asked not to": (
            "ihr Speicher sendet sie gepackt ({}), obwohl darum gebeten wurde, es nicht zu tun"
        ),
        "the source does not serve it (status {})": "die Quelle liefert sie nicht (Status {})",
        "the source does not have it any more (404)": "die Quelle hat sie nicht mehr (404)",
        "the source keeps its name only, without an address (metadata only)": (
            "die Quelle kennt nur noch ihren Namen, keine Adresse"
        ),
        "its bytes are gone at the source ({})": "ihr Inhalt ist an der Quelle nicht mehr vorhanden ({})",
        "its store refuses it ({})": "ihr Speicher verweigert sie ({})",
    },
)

FRENCH = Words(
    redacted="[Ce message a été masqué à la source.]",
    part_redacted="[Une partie de ce message a été masquée à la source.]",
    opening="[Cette conversation a commencé par un message de l'équipe.]",
    files_only="[Cette conversation ne contient que des fichiers.]",
    redacted_here="[masqué à la source]",
    subject="Objet",
    customer="client",
    team="équipe",
    private_note="note privée",
    unknown="inconnu",
    unnamed="Client ({})",
    rating="évaluation",
    score="score",
    call="appel",
    call_parts={
        "from": "de",
        "to": "à",
        "started": "commencé",
        "answered": "décroché",
        "ended": "terminé",
        "status": "statut",
    },
    file="fichier",
    not_found="introuvable à la source",
    reasons={
        "the source gives no address for it": "la source n'en donne aucune adresse",
        "it was redacted at the source": "il a été masqué à la source",
        "it is larger than this workspace takes ({} MB)": "il dépasse la taille admise par cet espace ({} Mo)",
        "it is larger than {} MB ([engine] file_mb)": "il dépasse {} Mo ([engine] file_mb)",
        "Crisp takes no such file ({}): its extension may not be on the plan's list": (
            "Crisp n'accepte pas ce fichier ({}) : son extension n'est peut-être pas sur la liste du forfait"
        ),
        "Crisp's bucket refuses it ({})": "le stockage de Crisp le refuse ({})",
        "the source cannot give files": "la source ne peut pas fournir de fichiers",
        "its address was redirected more than {} times": "son adresse a été redirigée plus de {} fois",
        "its address is no address": "son adresse n'en est pas une",
        "its address is no address of the web": "son adresse n'est pas une adresse du web",
        "its address carries credentials and was not followed": (
            "son adresse contient des identifiants et n'a pas été suivie"
        ),
        "its address is not https and was not followed": "son adresse n'est pas en https et n'a pas été suivie",
        "its address leads into a private network and was not followed": (
            "son adresse mène à un réseau privé et n'a pas été suivie"
        ),
        "its store sends it packed ({}), though it was asked not to": (
            "son stockage l'envoie compressé ({}) malgré la demande contraire"
        ),
        "the source does not serve it (status {})": "la source ne le fournit pas (statut {})",
        "the source does not have it any more (404)": "la source ne l'a plus (404)",
        "the source keeps its name only, without an address (metadata only)": (
            "la source n'en garde que le nom, sans adresse"
        ),
        "its bytes are gone at the source ({})": "son contenu n'existe plus à la source ({})",
        "its store refuses it ({})": "son stockage le refuse ({})",
    },
)

SPANISH = Words(
    redacted="[Este mensaje fue censurado en el origen.]",
    part_redacted="[Una parte de este mensaje fue censurada en el origen.]",
    opening="[Esta conversación empezó con un mensaje del equipo.]",
    files_only="[Esta conversación solo contiene archivos.]",
    redacted_here="[censurado en el origen]",
    subject="Asunto",
    customer="cliente",
    team="equipo",
    private_note="nota privada",
    unknown="desconocido",
    unnamed="Cliente ({})",
    rating="valoración",
    score="puntuación",
    call="llamada",
    call_parts={
        "from": "de",
        "to": "a",
        "started": "iniciada",
        "answered": "contestada",
        "ended": "terminada",
        "status": "estado",
    },
    file="archivo",
    not_found="no encontrado en el origen",
    reasons={
        "the source gives no address for it": "el origen no da ninguna dirección para él",
        "it was redacted at the source": "fue censurado en el origen",
        "it is larger than this workspace takes ({} MB)": "es mayor de lo que admite este espacio ({} MB)",
        "it is larger than {} MB ([engine] file_mb)": "es mayor de {} MB ([engine] file_mb)",
        "Crisp takes no such file ({}): its extension may not be on the plan's list": (
            "Crisp no acepta este archivo ({}): quizá su extensión no está en la lista del plan"
        ),
        "Crisp's bucket refuses it ({})": "el almacén de Crisp lo rechaza ({})",
        "the source cannot give files": "el origen no puede entregar archivos",
        "its address was redirected more than {} times": "su dirección fue redirigida más de {} veces",
        "its address is no address": "su dirección no es una dirección",
        "its address is no address of the web": "su dirección no es una dirección de la web",
        "its address carries credentials and was not followed": "su dirección contiene credenciales y no se siguió",
        "its address is not https and was not followed": "su dirección no es https y no se siguió",
        "its address leads into a private network and was not followed": (
            "su dirección lleva a una red privada y no se siguió"
        ),
        "its store sends it packed ({}), though it was asked not to": (
            "su almacén lo envía comprimido ({}) aunque se pidió que no"
        ),
        "the source does not serve it (status {})": "el origen no lo entrega (estado {})",
        "the source does not have it any more (404)": "el origen ya no lo tiene (404)",
        "the source keeps its name only, without an address (metadata only)": (
            "el origen solo conserva su nombre, sin dirección"
        ),
        "its bytes are gone at the source ({})": "su contenido ya no está en el origen ({})",
        "its store refuses it ({})": "su almacén lo rechaza ({})",
    },
)

PORTUGUESE = Words(
    redacted="[Esta mensagem foi ocultada na origem.]",
    part_redacted="[Uma parte desta mensagem foi ocultada na origem.]",
    opening="[Esta conversa começou com uma mensagem da equipe.]",
    files_only="[Esta conversa contém apenas arquivos.]",
    redacted_here="[ocultado na origem]",
    subject="Assunto",
    customer="cliente",
    team="equipe",
    private_note="nota privada",
    unknown="desconhecido",
    unnamed="Cliente ({})",
    rating="avaliação",
    score="pontuação",
    call="ligação",
    call_parts={
        "from": "de",
        "to": "para",
        "started": "iniciada",
        "answered": "atendida",
        "ended": "encerrada",
        "status": "estado",
    },
    file="arquivo",
    not_found="não encontrado na origem",
    reasons={
        "the source gives no address for it": "a origem não dá nenhum endereço para ele",
        "it was redacted at the source": "foi ocultado na origem",
        "it is larger than this workspace takes ({} MB)": "é maior do que este espaço aceita ({} MB)",
        "it is larger than {} MB ([engine] file_mb)": "é maior que {} MB ([engine] file_mb)",
        "Crisp takes no such file ({}): its extension may not be on the plan's list": (
            "o Crisp não aceita este arquivo ({}): talvez sua extensão não esteja na lista do plano"
        ),
        "Crisp's bucket refuses it ({})": "o armazenamento do Crisp o recusa ({})",
        "the source cannot give files": "a origem não pode fornecer arquivos",
        "its address was redirected more than {} times": "seu endereço foi redirecionado mais de {} vezes",
        "its address is no address": "seu endereço não é um endereço",
        "its address is no address of the web": "seu endereço não é um endereço da web",
        "its address carries credentials and was not followed": "seu endereço contém credenciais e não foi seguido",
        "its address is not https and was not followed": "seu endereço não é https e não foi seguido",
        "its address leads into a private network and was not followed": (
            "seu endereço leva a uma rede privada e não foi seguido"
        ),
        "its store sends it packed ({}), though it was asked not to": (
            "seu armazenamento o envia compactado ({}), embora se tenha pedido que não"
        ),
        "the source does not serve it (status {})": "a origem não o fornece (status {})",
        "the source does not have it any more (404)": "a origem não o tem mais (404)",
        "the source keeps its name only, without an address (metadata only)": (
            "a origem guarda apenas seu nome, sem endereço"
        ),
        "its bytes are gone at the source ({})": "seu conteúdo não existe mais na origem ({})",
        "its store refuses it ({})": "seu armazenamento o recusa ({})",
    },
)

CATALOG: Mapping[str, Words] = {
    "en": ENGLISH,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "pt": PORTUGUESE,
}
"""By the values of `language`."""
