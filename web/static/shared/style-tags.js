// Search words of the gallery's styles: movements, techniques and artists that a title does not name.

export const STYLE_TAGS = {
  "broken-planes": "cubism cubist picasso braque geometric",
  "cathedral-glass": "stained glass gothic window leaded",
  "coral-growth": "organic biology sea pattern",
  "gilded-garden": "klimt gold art nouveau jugendstil secession floral",
  "great-waves": "hokusai ukiyo-e japan japanese woodblock print wave",
  "ikat-weave": "textile fabric weaving folk pattern",
  "light-trails": "neon night city long exposure futurism abstract",
  "marbled-paper": "marbling ebru suminagashi ink swirl abstract",
  "night-oils": "van gogh starry night post-impressionism oil impasto swirl",
  "paper-strata": "collage cut paper layers matisse topography",
  "riverside-dots": "seurat signac pointillism neo-impressionism dots",
  tesserae: "mosaic tiles byzantine roman",
  "three-chalks": "sketch drawing chalk pencil charcoal crayon trois crayons",
  "wet-petals": "watercolour watercolor aquarelle flowers wash",
  "wild-colours": "fauvism fauvist matisse derain expressionism expressionist",
  woodcut: "woodcut linocut engraving print black and white expressionism kirchner",
};
