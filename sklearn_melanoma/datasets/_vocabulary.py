"""Vocabulary of diagnoses: meaning of the words in tables and of the names of folders."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache


class Meaning(Enum):
    """Meaning of a value with regard to melanoma."""

    MELANOMA = "melanoma"
    NOT_MELANOMA = "not melanoma"  # a negation or a 0
    BENIGN = "benign"
    CANCER = "another cancer"
    OTHER = "other"  # neither melanoma nor clearly benign
    UNKNOWN = "unknown"
    DOUBTFUL = "doubtful"  # could be melanoma or not
    FOREIGN = "not understood"


TARGETS = {
    Meaning.MELANOMA: 1,
    Meaning.NOT_MELANOMA: 0,
    Meaning.BENIGN: 0,
    Meaning.CANCER: 0,
    Meaning.OTHER: 0,
    Meaning.UNKNOWN: -1,
}


def _split(phrases: str) -> frozenset[str]:
    return frozenset(phrase for line in phrases.splitlines() for phrase in re.split(r"\s*,\s*", line.strip()) if phrase)


def _split_words(words: str) -> frozenset[str]:
    return frozenset(words.split())


# All phrases are normalized: lower case, no accents, one space for punctuation.

#: Values without a diagnosis, among them diagnoses that pathologists leave open.
UNKNOWN = _split("""
    unknown, unk, n a, na, nan, nat, none, null, nil, nd, n d, k a, missing, pending, indeterminate, undetermined
    not determined, not available, not applicable, not known, not specified, not assessed, not reported, not recorded
    not given, not provided, not labeled, not labelled, not done, not diagnosed, to be determined, tbd, unclear
    uncertain, unspecified, unlabeled, unlabelled, unclassified, unclassifiable, undiagnosed, undefined, unavailable
    inconclusive, equivocal, no data, no diagnosis, no label, no result, no information, without diagnosis, blank, empty
    unbekannt, unklar, keine angabe, inconnu, inconnue, desconocido, desconhecido, sconosciuto, onbekend
    indeterminate melanocytic proliferations, indeterminate epidermal proliferations, indeterminate lesion
    aimp, iampus, meltump, sampus, stump, atypical pigmented spindle cell tumor
    atypical proliferative nodules in congenital melanocytic nevus
    atypical spitz tumor, atypical spitz tumour, atypical spitzoid tumor
    atypical spitz tumor compound, atypical spitz tumor dermal, atypical spitz tumor junctional
""")
_OPEN = re.compile(
    r"(pending|awaiting|waiting for|not yet) .*|unknown (diagnosis|histology|result|lesion|label)"
    r"|.*\buncertain (malignant potential|significance)"
    r"|atypical (\w+ )*melanocytic (proliferation|hyperplasia|neoplasm|lesion|tumou?r)s?"
)

#: Words and codes of melanoma in several languages; other words may qualify them.
MELANOMA_WORDS = _split("""
    melanoma, melanomas, melanomata, melanom, melanome, melanomes, melanomen, melanoom, melanomi, melanomy, melanooma
    mel, меланома, czerniak, 黑色素瘤, ssm, lmm, alm, lm, mis, mmis, c43, d03
""")
#: Whole values that mean melanoma.
MELANOMA_PHRASES = _split("""
    malignant melanocytic proliferation, malignant melanocytic proliferations, malignant melanocytic neoplasm
    malignant melanocytic tumor, malignant melanocytic tumour, malignant melanocytic proliferations melanoma
    melanoma invasive blue nevus like, melanoma invasive pigmented spindle cell nevus like
    melanoma invasive resembling blue nevus
    melanoma invasive on chronically sun exposed skin or lentigo maligna melanoma
    melanoma invasive heavily pigmented resembling epithelioid blue nevus or melanoma developing in animals
""")
#: Words that may stand beside a word of melanoma. With any other word, the meaning is in doubt.
QUALIFIERS = _split_words("""
    a an the of with and type subtype variant nos unspecified diagnosis confirmed proven verified histologically
    histopathologically histology biopsy yes true positive present
    malignant malign malignum malignes maligne maligner maligno malin cutaneous skin kutanes cutane cutaneo haut
    primary secondary metastatic metastasis metastases metastasized metastatique metastatico
    superficial spreading superficially superfiziell spreitendes extension superficielle extensivo
    nodular nodulares nodulare nodulaire acral lentiginous akrolentiginoses lentiginoso acrolentiginous
    in situ insitu invasive infiltrating microinvasive invasiv invasives invasivo invasif
    desmoplastic amelanotic hypomelanotic pigmented heavily neurotropic spitzoid nevoid naevoid polypoid verrucous
    epithelioid spindle balloon cell mucosal subungual ungual periungual ocular uveal choroidal conjunctival vulvar anal
    oral recurrent persistent regressed regressing regressive ulcerated thin thick early advanced
    stage level clark clarks breslow thickness depth less more than to over under mm cm v
    left right upper lower back trunk torso chest abdomen arm forearm leg thigh calf face head neck scalp foot hand nail
    toe finger nose ear cheek heel sole palm palms soles shoulder extremity limb
""")
_MEASURED = {
    "mm",
    "cm",
    "stage",
    "level",
    "breslow",
    "clark",
    "clarks",
    "thickness",
    "depth",
}  # numbers may stand beside these
_STAGE = re.compile(r"p?t(is|[1-4][ab]?)|p?[nm][0-3x][abc]?|(i{1,3}|iv)[abcd]?")
# Parts of a phrase about a melanoma that neither deny it nor make it doubtful.
_HARMLESS = re.compile(
    r"\b(?:"
    r"(?:(?:arising|arisen|originating|developing|developed) )?(?:in|from|on|within|ex|associated with|with) (?:an? )?"
    r"(?:(?:congenital|dysplastic|atypical|blue|compound|dermal|junctional|pre ?existing|giant|melanocytic|common) )*"
    r"(?:nevus|naevus|nevi|naevi)|n(?:a)?evus associated|acral or acral lentiginous|recurrent or persistent"
    r"|non ?(?:invasive|ulcerated|pigmented|nodular|metastatic)|not otherwise specified"
    r"|(?:no|without|with no) (?:ulceration|regression|metastasis|metastases|invasion)"
    r"|(?:of )?unknown (?:primary|origin)|(?:sub)?type (?:unknown|not specified))\b"
)
# Other names of melanoma: MM, but for millimeters, and lentigo maligna.
_NAMES = re.compile(r"(?<!\d )(?<!\d)\bmm\b|\blentigo mali(gn[aoe]?|n)\b|\bhutchinsons? (melanotic )?freckle\b")
_WORDS = "|".join(sorted(MELANOMA_WORDS, key=len, reverse=True))
_NO_MELANOMA = re.compile(
    r"(?P<rest>.*?) ?\b(?:no|not|non|without|kein|keine|nicht|sin|sans|pas de|geen|senza|absence of|free of|"
    r"negative for|excluded|ruled out)(?: (?:an?|any|ein|un|evidence of|signs? of))* ?(?:malignant )?"
    rf"(?:{_WORDS})(?: skin)?(?: (?:cancers?|malignancy|malignancies|lesions?|tumou?rs?))?"
    rf"|(?:{_WORDS}) (?:no|not|negative|neg|excluded|ruled out|absent|false|not present|not found|ausgeschlossen)"
)

#: Values that could be melanoma or not; the user must give their meaning.
DOUBTFUL = _split("""
    bosartig, bosartige, bosartiger, bosartiges, bosartige lasion, bosartiger tumor, malin, maligna, malignas, malignos
    maligni, malins, malignes, lesion maligne, lesion maligna, lesao maligna, lesione maligna, tumeur maligne
    kwaadaardig, kwaadaardige, złosliwy, złosliwa, złosliwe, злокачественныи, злокачественная, злокачественное, 恶性
    verdacht, verdachtig, suspekt, atypisch, atipico, atipica, atypique
    malignant, malign, maligne, maligno, malignancy, malignant lesion, malignant tumor, malignant tumour, cancer
    skin cancer, cancerous, tumor, tumour, neoplasm, metastasis, metastases, metastatic, suspicious, suspected, suspect
    atypical, atypical lesion, abnormal, melanocytic, melanocytic lesion, melanocytic tumor, pigmented lesion
    premalignant, precancerous, high risk, nm, nmm, collision at least one malignant proliferation, not benign
""")
_DOUBT = _split_words("""
    malignant malign maligna maligne maligno malignes malignancy cancer suspected suspicious suspicion suspect susp
    malin malins malignas malignos maligni bosartig bosartige bosartiger bosartiges bosartigen
    kwaadaardig kwaadaardige verdacht verdachtig verdachtige suspekt suspekter suspektes fraglich fraglicher moglich
    moglicher mogelijk wahrscheinlich vermutlich unsicher sospetto sospechoso sospechosa suspeito suspeita suspecte
    soupcon posible possivel possibile probabile
    possible possibly probable probably likely presumed presumptive vs versus dd ddx differential query exclude excluded
    favor favors favour favours rule ruled maybe perhaps no not non without kein keine nicht sans sin geen
""")
#: Words of doubt that have no effect beside the name of another cancer.
_BESIDE_CANCER = _split_words("""
    malignant malign maligna maligne maligno malin cancer non not bosartig bosartige bosartiger bosartiges kwaadaardig
""")
_NO_ATYPIA = re.compile(r"\b(?:no|without|without any|with no) (?:atypia|dysplasia)\b")

#: Words of benign diagnoses; a value with one of them and no word of doubt is benign.
BENIGN_WORDS = _split_words("""
    nevus naevus nevi naevi navus nevo nevos navi mole moles muttermal lentigo lentigines dermatofibroma
    dermatofibromas histiocytoma angioma angiomas hemangioma hemangiomas haemangioma haemangiomas angiokeratoma
    navuszellnavus navuszellnavi leberfleck muttermale dermatofibrom histiozytom angiom angiome hamangiom hamangiome
""")
BENIGN = _split("""
    gutartig, gutartige, gutartiger, gutartiges, gutartige lasion, gutartige lasionen, gutartiger tumor, benigna
    benignas, benignos, benins, benignes, benigni, lesion benigne, lesion benigna, lesao benigna, lesione benigna
    goedaardig
    goedaardige, łagodny, łagodna, łagodne, доброкачественныи, доброкачественная, доброкачественное, 良性
    benign, benigne, benigno, benin, bening, benign lesion, benign lesions, benign other, non malignant, nonmalignant
    not malignant, nv, nev, bkl, df, sk, sek, lplk, d22, d23, l82, benign melanocytic proliferations, ben oth
    benign epidermal proliferations, collision only benign proliferations
    benign tumor, benign tumour, benign tumors, benign tumours
""")
#: Cancers other than melanoma.
CANCER_WORDS = _split_words("""
    carcinoma carcinomas karzinom karzinome basalzellkarzinom plattenepithelkarzinom carcinome carcinomes
    basalioma basaliom spinalioma spinaliom sarcoma sarkom
    angiosarcoma fibrosarcoma liposarcoma leiomyosarcoma osteosarcoma rhabdomyosarcoma lymphoma lymphomas merkel paget
    porocarcinoma hidradenocarcinoma adenocarcinoma dermatofibrosarcoma hemangioendothelioma rhabdomyoscaroma
""")
CANCER = _split("""
    bcc, scc, sccka, nmsc, dfsp, mal oth, c44, mycosis fungoides, sezary syndrome, lymphomatoid papulosis
    malignant epidermal proliferations, malignant mixed tumor, malignant granular cell tumor, malignant glomus tumor
    malignant peripheral nerve sheath tumor, malignant adnexal epithelial proliferations
    malignant soft tissue proliferations, skin metastasis of internal solid cancer non hematological
    lymphocytic proliferations b cell, lymphocytic proliferations t cell nk, lymphocytic proliferation b cell other
    lymphocytic proliferation t cell nk, extranodal t cell nk lymphoma nasal type
    primary cutaneous cd30 lymphoproliferative disease, chronic active ebv infection, ebv positive mucocutaneous ulcer
    primary cutaneous cd4 small or medium t cell lymphoproliferative disorder
    atypical intradermal smooth muscle tumor
""")
_CANCER_START = re.compile(r"malignant (adnexal epithelial|soft tissue) proliferations |mycosis fungoides ")
#: Other lesions and diseases of the skin.
OTHER_WORDS = _split_words("""
    keratosis keratoses keratosen keratose keratosi queratosis ceratose fibroxanthoma keratoacanthoma bowen bowens
    bowenoid acanthoma melanoacanthoma porokeratosis dyskeratoma wart warts verruca verrucae cyst cysts cystadenoma
    lipoma angiolipoma fibrolipoma fibroma fibromas neurofibroma angiofibroma dermatomyofibroma acrochordon
    acrochordons polyp polyps papilloma papillomas milium milia comedo scar scars keloid ephelis ephelides freckle
    freckles melanosis melanocytosis melanocytoma hyperpigmentation hypopigmentation vascular hematoma haematoma
    hematomas hemorrhage haemorrhage hemorhage hemorrhagic granuloma granulomas telangiectasia lymphangioma tattoo
    eczema ekzem psoriasis dermatitis acroangiodermatitis rosacea acne urticaria tinea vitiligo lichen folliculitis
    impetigo scabies infection infectious inflammatory candidiasis herpes cheilitis molluscum monkeypox chickenpox
    cowpox measles hfmd poroma spiradenoma syringoma syringofibroadenoma hidradenoma cylindroma cylindoma
    fibroadenoma syringocystadenoma sebaceoma trichoblastoma trichoepithelioma trichofolliculoma tricholemmoma
    trichilemmoma trichodiscoma panfolliculoma fibrofolliculoma pilomatricoma pilomatrixoma adenoma hyperplasia
    hamartoma myoepithelioma leiomyoma angioleiomyoma piloleiomyoma neuroma perineurioma schwannoma myxoma chondroma
    osteochodroma osteochondroma osteoma glomangiomyoma xanthogranuloma xanthoma histiocytosis reticulohistiocytosis
    mastocytosis mastocytoma fasciitis papulosis steatocystoma
""")
OTHER = _split("""
    other, others, andere, autre, autres, otro, otros, misc, miscellaneous, normal, normal skin, healthy, healthy skin
    control, controls, no lesion, akiec, ak, ack, bod, vasc, inf, d04, l57, non melanocytic, nonmelanocytic
    non melanocytic lesion, nonmelanocytic lesion, non melanocytic lesions, adnexal tumor, adnexal tumour, skin tag
    flat melanotic pigmentations not melanocytic nevus, exogenous, foreign body, cafe au lait
    cafe au lait macule, cafe au lait macule or patch, melanotic macule, mucosal melanotic macule
    labial melanotic macule, mongolian spot, fibrous papule, dilated pore, venous lake, venous malformation
    arterio venous malformation
    langerhans cell proliferations, mast cell proliferations, lentiginous melanocytic proliferation
    non langerhans histiocytosis, mixed tumor, mixed tumor apocrine type, mixed tumor eccrine type
    proliferating tricholemmal tumor, tumor of follicular infundibulum, granular cell tumor, glomus tumor
    granular cell tumor neural and s100 positive, granular cell tumor non neural and s100 negative
    giant cell tumor of the tendon sheath, supernumerary nipple, fordyce spots, accessory tragus
    angiolymphoid hyperplasia with eosinophilia, erdheim chester disease, rosai dorfman disease
    infundibular sebaceous, epidermal sebaceous, infundibular keratinous, epidermal keratinous
    proliferative nodule in congenital melanocytic nevi without atypia, seborrheic, seborrhoeic
""")
_BENIGN_START = re.compile(r"benign (adnexal epithelial|soft tissue) proliferations ")
_ICD = re.compile(r"([cdl]\d\d) \d{1,3}")  # a digit after the point of an ICD-10 code
#: Words for the rest of the classes; they name a class only beside other names of classes.
GENERIC = UNKNOWN | _split("other, others, andere, autre, autres, misc, miscellaneous, normal, control, controls, inf")


def normalize(value: str) -> str:
    """Return a value in lower case without accents, with one space for punctuation; ``1.0`` becomes ``1``."""
    text = unicodedata.normalize("NFKD", value).casefold().strip()
    if number := re.fullmatch(r"\+?(0|-?[1-9]\d*)(\.0*)?", text):
        return number[1]
    text = "".join(c for c in text if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return re.sub(r"[\W_]+", " ", re.sub(r"['’‘`´ʼ]", "", text)).strip()


@lru_cache(maxsize=65536)
def read_diagnosis(value: str) -> Meaning:
    """Return the meaning of a diagnosis with regard to melanoma."""
    parts = re.split(r"\s*::?\s*", value.strip())
    if len(parts) > 1 and normalize(parts[0]) in ("benign", "malignant", "indeterminate"):  # a path of the ISIC Archive
        return combine_meanings([read_diagnosis(part) for part in reversed(parts)])
    phrase = normalize(value)
    if is_unknown(value):
        return Meaning.UNKNOWN
    meaning = _read_phrase(phrase)
    if meaning is not Meaning.FOREIGN and has_sign_of_doubt(value):
        return Meaning.DOUBTFUL
    return meaning


def is_unknown(value: str) -> bool:
    """Return whether a value means "unknown", such as an empty text or a question mark."""
    phrase = normalize(value)
    if phrase in ("", "-1") or phrase in UNKNOWN:
        return not re.fullmatch(r"\s*\++\s*", value)
    return bool(_OPEN.fullmatch(phrase)) and not MELANOMA_WORDS & set(phrase.split())


def has_sign_of_doubt(value: str) -> bool:
    """Return whether a question mark, or a sign before or after the words, may change their meaning."""
    text = unicodedata.normalize("NFKD", value).strip(" \t\n()[]{}'\"")  # melanoma (-)
    return bool(re.search(r"[?¿]", text) or re.search(r"^[-–−+~!¬≠<>=]|[-–−+=]$", text))


def _read_phrase(phrase: str) -> Meaning:
    phrase = icd[1] if (icd := _ICD.fullmatch(phrase)) else phrase
    for phrases, meaning in (
        (MELANOMA_PHRASES, Meaning.MELANOMA),
        (BENIGN, Meaning.BENIGN),
        (CANCER, Meaning.CANCER),
        (OTHER, Meaning.OTHER),
        (DOUBTFUL, Meaning.DOUBTFUL),
    ):
        if phrase in phrases:
            return meaning
    phrase = re.sub(r"\b(non|not|no)(?=melanom)", r"\1 ", phrase)
    with_melanoma = _NAMES.sub("melanoma", phrase)
    if MELANOMA_WORDS & set(with_melanoma.split()):
        return _read_melanoma_phrase(with_melanoma)
    return _read_other_phrase(phrase)


def _read_melanoma_phrase(phrase: str) -> Meaning:
    """Return the meaning of a phrase with a word of melanoma; unknown words make it doubtful."""
    if negation := _NO_MELANOMA.fullmatch(phrase):
        rest = negation["rest"]
        sure = not rest or _read_phrase(rest) in (Meaning.BENIGN, Meaning.CANCER, Meaning.OTHER)
        return Meaning.NOT_MELANOMA if sure else Meaning.DOUBTFUL
    words = set(_HARMLESS.sub(" ", re.sub(r"(?<=\d)(?=[mc]m\b)", " ", phrase)).split())
    if not words & MELANOMA_WORDS:
        return Meaning.DOUBTFUL
    measured = bool(words & _MEASURED)
    known = all(
        word in QUALIFIERS
        or word in MELANOMA_WORDS
        or _STAGE.fullmatch(word)
        or (measured and re.fullmatch(r"\d+[abc]?", word))
        for word in words
    )
    return Meaning.MELANOMA if known else Meaning.DOUBTFUL


def _read_other_phrase(phrase: str) -> Meaning:
    words = set(_NO_ATYPIA.sub(" ", phrase).split())
    if words & CANCER_WORDS and not words & (_DOUBT - _BESIDE_CANCER):
        return Meaning.CANCER
    if _CANCER_START.match(phrase):
        return Meaning.CANCER
    if not words & (BENIGN_WORDS | OTHER_WORDS) and not _BENIGN_START.match(phrase):
        return Meaning.DOUBTFUL if words & (_DOUBT | CANCER_WORDS) else Meaning.FOREIGN
    if words & _DOUBT:
        return Meaning.DOUBTFUL
    return Meaning.BENIGN if words & BENIGN_WORDS or _BENIGN_START.match(phrase) else Meaning.OTHER


def combine_meanings(meanings: list[Meaning]) -> Meaning:
    """Return the common meaning of several values about one lesion; a contradiction is doubtful."""
    found = set(meanings)
    others = found & {Meaning.NOT_MELANOMA, Meaning.BENIGN, Meaning.CANCER, Meaning.OTHER}
    if Meaning.MELANOMA in found:
        return Meaning.DOUBTFUL if others else Meaning.MELANOMA
    if Meaning.BENIGN in found and found & {Meaning.DOUBTFUL, Meaning.CANCER}:
        return Meaning.DOUBTFUL
    if others:
        return next(meaning for meaning in meanings if meaning in others)
    for meaning in (Meaning.DOUBTFUL, Meaning.FOREIGN):
        if meaning in found:
            return meaning
    return Meaning.UNKNOWN
