/** Guesses the language of a text from its script and its common words: cheap, and silent when in doubt. */
import { LANGUAGES, type Language } from '../languages.ts'

/** Only the beginning of a text is looked at. */
const MAX_CHARACTERS = 200
/** No word of a language that has spaces is longer: a key, a hash, a link. */
const MAX_WORD_CHARACTERS = 30
/** Fewer letters of a script than this say nothing. */
const MIN_LETTERS = 4
/** A Latin text must have so many points, and so many more than for the next language. */
const MIN_POINTS = 3
const MIN_LEAD = 2

/** Words that are frequent in one language; where several have one, it says nothing between them. Single letters do not count. */
const COMMON_WORDS: Readonly<Partial<Record<Language, string>>> = {
  en: "the and of to is in that it you for was with this are be have not on but they what your we i'm it's don't just will my has from can so if how who all there been would more about gm good morning like people yes here now new when which than them their then these into out up over go get love want need time only very make know think why still today see too because really right something work",
  es: 'el los las que de y en un una por con para es del se lo como más pero su al está muy este esto yo mi hay todo también buenos días gracias porque cuando ya qué si hola',
  pt: 'o os as que de e em um uma por com para é do da no na se mais mas não você muito isso eu meu minha bom dia obrigado também ao dos das está são foi tem já quando ou porque até',
  fr: "le les des que de et en un une par avec pour est du dans ce qui sur pas plus mais je vous nous il elle sont ne c'est j'ai au aux cette tout bonjour merci aussi être comme ou très",
  de: 'der die das und ist nicht ich du wir sie es ein eine mit für auf von zu den dem im auch wie aber nur noch wenn man dass oder sich bei nach aus guten morgen mehr schon kann hat war sind',
  it: 'il lo gli che di e in un una per con è del della non si ma come più sono questo questa io mi ho anche buongiorno grazie nel alla dei delle perché tutti quando ci molto',
  nl: 'de het een en van is niet ik je dat die te op zijn voor met aan er maar ook als nog wel naar dan wat deze goedemorgen heb bij om hebben wordt geen',
  sv: 'och att det är som en på för inte med jag av den till har om ett var men du så vi kan nu från god morgon eller när också mycket ska bara',
  fi: 'ja on ei se että oli hän mutta ovat kun niin myös olen tai joka minä sinä tämä hyvää huomenta kanssa vain jos nyt mitä kuin sitä ole',
  pl: 'i w nie na się że to jest z do jak ale o co po tak dla tego już są jestem przez od tylko dzień dobry bardzo może czy ma być',
  cs: 'a se na je že to v s z do jako ale jsem za by po jsou tak jen pro už co dobré ráno když nebo není být má jak',
  tr: 've bir bu da de için ile çok ne ama gibi daha var mi olarak kadar ben sen o günaydın değil her şey olan en sonra ya yok',
  id: 'yang dan di ini itu dengan untuk tidak dari ke ada saya kamu akan juga bisa sudah pada atau aku selamat pagi kita apa karena orang lebih jadi',
  vi: 'và là của có không được một cho người trong với này các tôi những đã khi bạn để rất như cũng thì',
}

/** Letters that hardly any other language of the list has, and how much one of them says. */
const TELLING_LETTERS: readonly (readonly [Language, RegExp])[] = [
  ['es', /[ñ¿¡]/],
  ['pt', /ã|õ/],
  ['de', /ß/],
  ['pl', /[łżźśćń]/],
  ['cs', /[řůě]/],
  ['tr', /[ğış]/],
  ['vi', /[ơưạảấầẩậắặẹẻếềểệỉịọỏốồổộớờởợụủứừửựỳỵỷỹ]/],
]
const TELLING_POINTS = 2

/** By their place in `LANGUAGES`. */
const LANGUAGES_OF_WORD = new Map<string, number[]>()
const NAMES: readonly string[] = LANGUAGES
for (const [language, words] of Object.entries(COMMON_WORDS)) {
  for (const word of words.split(' ').filter(({ length }) => length > 1)) {
    const languages = LANGUAGES_OF_WORD.get(word) ?? []
    languages.push(NAMES.indexOf(language))
    LANGUAGES_OF_WORD.set(word, languages)
  }
}

/** The number of the text's language in `LANGUAGES`; 0 when it is not known. */
export function languageOf(text: string): number {
  const words = wordsOf(text.slice(0, MAX_CHARACTERS).toLowerCase().replaceAll('’', "'"))
  const letters = countLetters(words)
  const language = languageOfScript(words, letters)
  if (language !== undefined) return LANGUAGES.indexOf(language)
  return languageOfWords(words, letters)
}

/** What stands between spaces, without links, keys, mentions and tags: letters that belong to no language. */
function wordsOf(text: string): string {
  if (!/[/@#]|1[a-z0-9]{30}/.test(text)) return text
  return text
    .split(/\s+/)
    .filter((word) => !/^[@#]|\/\/|1[a-z0-9]{30}/.test(word))
    .join(' ')
}

/** How many letters of each script, and of Latin ones beyond ASCII. */
interface Letters {
  latin: number
  accented: number
  kana: number
  han: number
  hangul: number
  cyrillic: number
  thai: number
  arabic: number
  hebrew: number
  devanagari: number
  greek: number
}

/** Undefined for texts that are mostly Latin, or hardly letters at all. */
function languageOfScript(text: string, letters: Letters): Language | undefined {
  // Japanese is written with Chinese characters too, and with its own among them.
  const { kana, han, latin } = letters
  if (kana >= 2 && kana * 8 >= han && kana + han > latin / 2) return 'ja'
  // A character of these says as much as several letters: a few between Latin names suffice.
  if (han >= 3 && han * 2 > latin) return 'zh'
  if (letters.hangul >= 3 && letters.hangul * 2 > latin) return 'ko'
  const isMost = (count: number) => count >= MIN_LETTERS && count > latin
  if (isMost(letters.cyrillic)) return /[іїєґ]/.test(text) ? 'uk' : 'ru'
  if (isMost(letters.thai)) return 'th'
  if (isMost(letters.arabic)) return /[پچژگکی]/.test(text) ? 'fa' : 'ar'
  if (isMost(letters.hebrew)) return 'he'
  if (isMost(letters.devanagari)) return 'hi'
  return isMost(letters.greek) ? 'el' : undefined
}

function countLetters(text: string): Letters {
  const letters: Letters = {
    latin: 0,
    accented: 0,
    kana: 0,
    han: 0,
    hangul: 0,
    cyrillic: 0,
    thai: 0,
    arabic: 0,
    hebrew: 0,
    devanagari: 0,
    greek: 0,
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x80) {
      if (code >= 0x61 && code <= 0x7a) letters.latin++
    } else countLetter(letters, code)
  }
  return letters
}

/** By the blocks of Unicode that texts of these languages are written with. */
function countLetter(letters: Letters, code: number): void {
  if (isAccentedLatin(code)) {
    letters.latin++
    letters.accented++
  } else if (code < 0x370) return
  else if (code < 0x400) letters.greek++
  else if (code < 0x530) letters.cyrillic++
  else if (code >= 0x590 && code < 0x600) letters.hebrew++
  else if (code >= 0x600 && code < 0x780) letters.arabic++
  else if (code >= 0x900 && code < 0x980) letters.devanagari++
  else if (code >= 0xe00 && code < 0xe80) letters.thai++
  else if (code >= 0x3041 && code < 0x3100) letters.kana++
  else if ((code >= 0x3400 && code < 0xa000) || (code >= 0xf900 && code < 0xfb00)) letters.han++
  else if (code >= 0xac00 && code < 0xd7a4) letters.hangul++
}

function isAccentedLatin(code: number): boolean {
  return (code >= 0xc0 && code < 0x250) || (code >= 0x1e00 && code < 0x1f00)
}

const points = new Uint8Array(LANGUAGES.length)

/** Number of the language, or 0. */
function languageOfWords(text: string, { accented }: Letters): number {
  points.fill(0)
  for (let start = 0, at = 0; at <= text.length; at++) {
    if (at < text.length && isWordCharacter(text.charCodeAt(at))) continue
    if (at > start && at - start <= MAX_WORD_CHARACTERS) countWord(text.slice(start, at))
    start = at + 1
  }
  if (accented > 0) {
    for (const [language, letters] of TELLING_LETTERS) {
      if (letters.test(text)) points[LANGUAGES.indexOf(language)]! += TELLING_POINTS
    }
  }
  return clearWinner()
}

function isWordCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || code === 0x27 || isAccentedLatin(code)
}

function countWord(word: string): void {
  const languages = LANGUAGES_OF_WORD.get(word)
  if (languages === undefined) return
  for (const language of languages) points[language]!++
}

function clearWinner(): number {
  let first = 0
  let secondPoints = 0
  for (let language = 1; language < points.length; language++) {
    if (points[language]! > points[first]!) {
      secondPoints = points[first]!
      first = language
    } else if (points[language]! > secondPoints) secondPoints = points[language]!
  }
  return points[first]! >= MIN_POINTS && points[first]! - secondPoints >= MIN_LEAD ? first : 0
}
