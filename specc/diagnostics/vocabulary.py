"""What other tools call things: words that are no slips, each with what it is called here, if it is.

The words are those of PyTorch, TensorFlow and Keras, ONNX, MXNet, Caffe, Darknet and papers. They are compared without
case, underscores and ``1d``, ``2d``, ``3d``. A word without names and note has no counterpart: it stands here so that
it is taken for no other word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Literal, NamedTuple


class Term(NamedTuple):
    """What a word of another tool is here.

    Attributes:
        names: what is meant by it here, to the same effect.
        note: how it is written here, where a name does not say it.
        agrees: whether a layer's arguments are the same, so that the name alone is another one.
    """

    names: tuple[str, ...] = ()
    note: str = ""
    agrees: bool = False


Terms = Mapping[str, Term]
"""What other tools call the things of one kind."""


def counterpart(word: str, terms: Terms, names: frozenset[str]) -> Term | None:
    """What ``word`` is here, of ``names``; None where it is no word of ``terms``, and most likely a slip."""
    if (term := terms.get(word)) is not None:  # by case, too: ONNX's Mean is another than mean
        return _noted(word, term, names)
    if word.lower() in names:
        return None
    joined, plain = word.lower().replace("_", ""), squeezed(word)
    for form in (joined, plain):
        if (term := terms.get(form)) is not None:
            return _noted(word, term, names)
    if terms is LAYERS and plain != word and plain in names:  # leaky_relu, MaxPool2d
        return _noted(word, Term((plain,)), names)
    return None


def term_of(word: str, terms: Terms) -> Term:
    """What a word is here, by its own form, in small letters, or without the number of axes; empty where it is none."""
    forms = (word, word.lower().replace("_", ""), squeezed(word))
    return next((terms[form] for form in forms if form in terms), Term())


def note(word: str, terms: Terms) -> str:
    """What is said of a word of another tool; empty where there is nothing to say."""
    return _said(word, term_of(word, terms))


def is_foreign(word: str) -> bool:
    """Whether people write the word on purpose, wherever it stands."""
    return squeezed(word) in FOREIGN


def squeezed(word: str) -> str:
    """Without what tools differ in: case, underscores, and the number of spatial axes."""
    return re.sub(r"(?<=[a-z])[123]d", "", word.lower().replace("_", "")) or word


def _noted(word: str, term: Term, names: frozenset[str]) -> Term:
    known = tuple(name for name in term.names if name in names)
    if term.names and not known:
        return Term()
    return Term(known, _said(word, term._replace(names=known)))


def _said(word: str, term: Term) -> str:
    """What it is called here, and what differs; or what is done instead."""
    called = f"{word} is called {' or '.join(term.names)} here" if term.names and (term.agrees or not term.note) else ""
    return "; ".join(filter(None, (called, term.note)))


def _foreign(words: str) -> Iterable[tuple[str, Term]]:
    """Words without a counterpart."""
    return ((word, Term()) for word in words.split())


def _called(name: str, words: str) -> Iterable[tuple[str, Term]]:
    return ((word, Term((name,))) for word in words.split())


def _renamed(name: str, words: str) -> Iterable[tuple[str, Term]]:
    """The same of layers whose arguments agree."""
    return ((word, Term((name,), agrees=True)) for word in words.split())


def _table(*entries: Iterable[tuple[str, Term]], notes: Mapping[str, str] = MappingProxyType({})) -> Terms:
    """The entries by word. A word may stand for several names: of a place, those are intended that are known there.

    Args:
        notes: by words with the same meaning how it is written here; ``name! …`` begins with the name, and ``name!! …``
            with one whose arguments agree.
    """
    table: dict[str, Term] = {}
    for word, term in chain.from_iterable(entries):
        table[word] = term._replace(names=table.get(word, Term()).names + term.names)
    for words, note in notes.items():
        name, mark, rest = note.partition("! ")
        term = Term((name.rstrip("!"),), rest, name.endswith("!")) if mark else Term((), note)
        table |= dict.fromkeys(words.split(), term)
    return MappingProxyType(table)


_TRAINING = (
    "a spec is the network alone: train the PyTorch module that `specc compile` writes to a .py, or "
    "that `to_torch()` gives"
)
_LOSS = (
    "a spec is the network alone: let the last step give scores, and the program that trains applies the loss to them; "
    "for cross entropy without a softmax before it"
)
OUTSIDE: Terms = _table(
    notes={
        "optimizer optim adam adamw sgd rmsprop adagrad adadelta momentum lr learningrate lrscheduler scheduler "
        "epochs epoch "
        "weightdecay steps trainer fit compile train backward callbacks dataparallel activityregularization "
        "earlystopping seed device metrics "
        "accuracy": _TRAINING,
        "loss lossfn lossfunction criterion crossentropy crossentropyloss categoricalcrossentropy mse mseloss "
        "meansquarederror "
        "binarycrossentropy bce bceloss bcewithlogitsloss nll nllloss l1loss mae smoothl1loss huberloss kldivloss "
        "sparsecategoricalcrossentropy softmaxcrossentropy softmaxwithloss softmaxoutput hingeloss "
        "tripletmarginloss tripletmarginwithdistanceloss ctcloss cosineembeddingloss gaussiannllloss "
        "poissonnllloss hingeembeddingloss linearcrossentropyloss marginrankingloss multilabelmarginloss "
        "multilabelsoftmarginloss multimarginloss softmarginloss adaptivelogsoftmaxwithloss svmoutput": _LOSS,
        "batchsize bs minibatch": "the batch is the first axis of what goes in: `model M : [N, 3, 32, 32]` "
        "takes any number "
        "of samples",
        "inputshape imagesize imgsize inputsize": "what goes in stands behind the name of the model: "
        "`model M : [N, 3, 32, 32]`",
    }
)
"""What programs say of a network that is no part of it."""

LAYERS = _table(
    _renamed("silu", "swish"),
    _renamed("exp", "exponential"),
    _renamed("sigmoid", "logistic"),
    _renamed("hardswish", "hswish hardsilu"),
    _renamed("hardsigmoid", "hsigmoid"),
    _renamed("fc", "dense connected fullyconnected innerproduct"),
    _called("batchnorm", "syncbatchnorm lazybatchnorm syncbn"),
    _called("layernorm", "ln"),
    _called("groupnorm", "groupnormalization gn"),
    _called("instancenorm", "instancenormalization lazyinstancenorm"),
    _called("rmsnorm", "rmsnormalization simplifiedlayernormalization"),
    _called("lrn", "localresponsenormalization crossmaplrn"),
    _called("sum", "reducesum"),
    _renamed("normalize", "l2norm l2normalize l2normalization lpnormalization unitnormalization normalizer"),
    _called("standardize", "meanstdnormalize imagenormalize"),
    _called("avgpool", "averagepool averagepooling avgpooling meanpool"),
    _called("maxpool", "maxpooling"),
    _renamed("adaptiveavgpool", "adaptiveaveragepool adaptiveaveragepooling adaptiveavgpooling"),
    _renamed("adaptivemaxpool", "adaptivemaxpooling"),
    _called("expand", "broadcastto expandas broadcast expandto"),
    _renamed("add", "plus"),
    _renamed("mul", "multiply times"),
    _renamed("sub", "subtract minus"),
    _renamed("neg", "negative negate"),
    _renamed("abs", "absolute absval"),
    _renamed("clamp", "clipbyvalue"),
    _renamed("softshrink", "softshrinkage"),
    _renamed("hardshrink", "hardshrinkage"),
    _called("mean", "reducemean"),
    _called("amax", "reducemax"),
    _called("convtranspose", "lazyconvtranspose convt convtr"),
    _called("reshape", "view"),
    _called("multiheadattention", "mha attention selfattention mhsa multiheadselfattention crossattention"),
    _renamed("identity", "noop nop passthrough"),
    _renamed("stochasticdepth", "droppath"),
    _renamed("pixelshuffle", "subpixel periodicshuffle periodicshuffling"),
    _renamed("channelshuffle", "shufflechannel shufflechannels"),
    _called("upsample", "upsampling upsamplingnearest resize resizing"),
    _renamed("upsample", "interpolate"),
    _called("pad", "padding zeropad zeropadding constantpad"),
    _foreign(
        "erf erfc erfinv expm1 log1p log2 log10 logit sin cos tan asin acos additiveattention bilinearsampler "
        "lhtan plse ramp sparseplus sparsemax squareplus tile flip cosinesimilarity atan "
        "sinh cosh asinh acosh atanh "
        "arctan arctanh arcsinh arccosh sign round floor ceil trunc frac lgamma digamma median mode prod "
        "cumsum cumprod topk sort gather scatter where nonzero unique histc cov cond conj copy clone "
        "contiguous detach rot90 outer cross norm1 celu6 relu1 relun rrelu srelu frelu drelu trelu brelu "
        "arelu grelu erelu qrelu hardmish hardtan softsin serf snake maxout fractionalmaxpool rankpool minout "
        "evonorm filterresponsenorm scalenorm dconv deformconv tconv pconv lconv econv fconv sconv lazyconv "
        "lazylinear bilinear pairwisedistance reglu fold unfold im2col col2im rfft fft stft one onehot "
        "constant const bn1 select index narrow take mask maskedfill cast to type half float double "
        "softmargin hardmax gumbelsoftmax logsumexp quantize dequantize relux prelux slide share step fmax "
        "fmin scaler addr rsub gemm real imag renorm maxroipool globallppool shape floattensor floattype "
        " self "
    ),
    notes={
        **{word: term.note for word, term in OUTSIDE.items()},
        "conv": "conv! conv takes the channels that it gives, those of its input it knows: conv(8, 3)",
        "convolutional": "conv! it is called conv here; batch_normalize and activation are steps behind it: "
        "conv(8, 3, padding=1, bias=false) -> bn -> leakyrelu(0.1)",
        "convolution": "conv! convolution is called conv here: conv(8, 3) gives 8 channels",
        "convtranspose ConvTranspose": "convtranspose! convtranspose takes the channels that it gives, those of its "
        "input it knows: convtranspose(8, 2, stride=2)",
        "leaky lrelu leakyrectify relie": "leakyrelu!! its slope is 0.01 unless it is given; Darknet's is "
        "leakyrelu(0.1), that of Keras leakyrelu(0.3)",
        "batchnormalization": "batchnorm! it is called batchnorm, or bn, here; its momentum is the share of "
        "what is new, 0.01 "
        "for the 0.99 of Keras",
        "layernormalization": "layernorm! layernorm(_.shape[-1], eps=0.001) is over the last axis, with the eps of "
        "Keras; of each place over its channels, as Keras has it, permute(0, 2, 3, 1) -> "
        "layernorm(_.shape[-1], eps=0.001) -> permute(0, 3, 1, 2)",
        "gap globalaveragepool globalaveragepooling globalavgpooling": "globalavgpool!! it leaves axes of one place; "
        "globalavgpool -> flatten takes them away, as Keras does",
        "gmp globalmaxpooling": "globalmaxpool!! it leaves axes of one place; globalmaxpool -> flatten takes "
        "them away, "
        "as Keras does",
        "cat concatenate": "concat!! it has an arm for each value, concat { | _ | _ }, and joins them along the "
        "channels "
        "unless dim says another axis",
        "deconv": "convtranspose! deconv is called convtranspose here: convtranspose(8, 2, stride=2)",
        "deconvolutional": "convtranspose! it is called convtranspose here: convtranspose(8, 2, stride=2)",
        "deconvolution": "convtranspose! deconvolution is called convtranspose here: convtranspose(8, 2, stride=2)",
        "transposedconv convtransposed transposeconv": "convtranspose! it is called convtranspose here: "
        "convtranspose(8, 2, stride=2)",
        "upconv": "either convtranspose(8, 2, stride=2), or upsample(scale_factor=2) -> conv(8, 3, padding=1)",
        "depthwise depthwiseconv dwconv": "a conv of as many groups as channels: "
        "conv(_.channels, 3, padding=1, groups=_.channels)",
        "pointwise pointwiseconv pwconv conv1x1": "a conv of kernel 1: conv(8, 1)",
        "conv3x3": "a conv of kernel 3: conv(8, 3, padding=1)",
        "groupconv groupedconv gconv": "conv! conv has groups: conv(8, 3, groups=4)",
        "residual skip shortcut skipconnection residualblock resblock": "add! what comes in is added to what the steps "
        "make of it: add { | _ | conv(_.channels, 3, padding=1) -> relu }; an earlier value is an arm by its label",
        "route": "concat! concat { | _ | _ } joins values, each by its label; a label alone goes back to that value",
        "se selayer seblock semodule squeezeexcite squeezeexcitation squeezeandexcitation": "for 8 channels, by a "
        "fourth of them: mul { | _ | globalavgpool -> conv(2, 1) -> relu -> conv(8, 1) -> sigmoid }",
        "lstm gru rnn simplernn lstmcell grucell rnncell rnnbase rnncellbase convlstm bidirectional": "no layer "
        "goes through a "
        "sequence step by "
        "step; a convolution of [N, C, L] that is padded on the left sees what lies before: pad((8, 0)) -> conv(8, 9)",
        "timedistributed": "every place of the last axes but one is treated alike by linear; samples are the batch",
        "transformer transformerencoder transformerencoderlayer transformerdecoder transformerdecoderlayer": "it "
        "is made of its parts: layernorm, linear, matmul, "
        "softmax and add",
        "embedding embeddingbag": "inputs are real numbers, and no layer looks up rows of a table by them; of "
        "vectors that "
        "are one-hot already it is linear(8, bias=false)",
        "einsum einsumdense tensordot": "matmul multiplies two values over their last two axes; permute and "
        "reshape bring "
        "these there, "
        "mul and sum do the rest",
        "roll": "parts of an axis that change places: slice each of them, and concat them the other way round",
        "repeatinterleave": "upsample! along places it is upsample(scale_factor=2), which repeats each",
        "weightnorm spectralnorm spectralnormalization parametrizations": "a norm of a weight is no step: the "
        "network has the weight "
        "that comes "
        "of it, and is written without",
        "gaussiandropout gaussiannoise dropconnect dropblock zoneout cutout randomerasing": "no layer adds such "
        "noise; in "
        "training there are dropout(0.1), alphadropout(0.1) and stochasticdepth(0.1)",
        "swiglu": "mul { | linear(16) -> silu | linear(16) }",
        "geglu": "mul { | linear(16) -> gelu | linear(16) }",
        "reorg": "spacetodepth(2) and pixelunshuffle(2) are the two orders of channels that there are; "
        "Darknet's reorg is "
        "a third one",
        "activation act nonlinearity": "an activation is a step by its own name: relu",
        "parameter weight": "scale! a learned factor of each channel is scale",
        "bias biasadd": "a bias belongs to the layer before it, which has one unless it says bias=false",
        "input inputlayer inputs placeholder": "`in` is what goes in, and a model begins with it by itself; its "
        "shape stands behind the name: `model M : [N, 3, 32, 32] { … }`",
        "x y h out result": "the current value is `_`, and the input `in`; another value goes by the label of its step",
        "output outputs": "the last step gives the output, or the step with its label",
        "argmax argmin": "the network gives the scores; whoever reads them takes the largest",
        "std var": "no layer gives a deviation; batchnorm, layernorm, groupnorm and instancenorm divide by one",
        "while": "a network has a fixed depth: repeat says how often steps come, for goes through a list",
        "map apply lambda": "steps under a name of their own are a block: `block name(c) { … }`; for each entry "
        "of a list "
        "they come by for",
        "print": "`specc show` prints every shape; a shape as a step, such as [N, 8, 16, 16], is checked",
        "return": "what the last step gives is what the model gives",
        "true false none null nil": "it is a value, and no step",
        "pass": "`_` is the current value, and does nothing",
        "dilatedconv atrousconv": "conv! a dilation is an argument: conv(8, 3, padding=2, dilation=2)",
        "yolo region detection nms roipool roipooling roialign": "boxes are made of the network's numbers by "
        "the program "
        "that runs it",
        "sepconv separableconv separable depthwiseseparable depthwiseseparableconv dsconv": "two convs: "
        "conv(_.channels, 3, padding=1, groups=_.channels) -> conv(8, 1)",
        "dropout1d dropout2d dropout3d spatialdropout": "no layer drops whole channels; dropout drops single values",
        "featurealphadropout": "no layer drops whole channels; alphadropout drops single values",
        "layernorm2d": "of each place over its channels: "
        "permute(0, 2, 3, 1) -> layernorm(_.shape[-1]) -> permute(0, 3, 1, 2)",
        "softmax2d": "softmax! softmax over the channels is softmax(dim=1); over all places of each channel "
        "flatten(2) -> softmax(dim=2)",
        "crelu": "concat { | relu | neg -> relu }",
        "loggy": "affine(1 / 2) -> tanh",
        "pooling": "maxpool takes the largest of each window, avgpool the mean",
        "local": "no layer has weights of its own at each place",
        "module container": "steps under a name of their own are a block: `block name(c) { … }`",
        "randomflip categoryencoding discretization masking": "what is done to the data before is no part of "
        "the network",
        "repeatvector": "upsample makes an axis of one place longer: upsample(scale_factor=2)",
        "quickgelu": "mul { | _ | affine(1.702) -> sigmoid }",
        "min": "minimum is the smallest of several values; along an axis it is neg -> amax(1) -> neg, the axis in "
        "place of 1",
        "amin reducemin": "it is neg -> amax(1) -> neg, the axis in place of 1",
        "max": "amax is the largest value along an axis, maximum that of several values",
        "minpool": "it is -maxpool(-x): neg -> maxpool(2) -> neg",
        "transpose swapaxes swapaxis swapdims movedim moveaxis": "permute gives all axes a new order: "
        "permute(0, 1, 3, 2)",
        "clampmin": "clamp! clamp(min=0) keeps numbers from 0 on",
        "clampmax": "clamp! clamp(max=6) keeps numbers up to 6",
        "truediv divide": "div! of values it is div { | _ | _ }, their arms for _; by a number it is affine(1 / 2), "
        "for 2",
        "bmm mm dot": "matmul! of two values it is matmul; linear and fc multiply by learned matrices",
        "scaleddotproductattention": "multiheadattention! multiheadattention has it between linear layers; by itself "
        "it is made of matmul, affine and softmax",
        "maxunpool maxunpooling unpool unpooling": "it needs the places that a maxpool took its numbers from, and a "
        "step gives one value; without them upsample(scale_factor=2) or convtranspose(8, 2, stride=2) makes it larger",
        "bifpn weightedsum fastnormalizedfusion weightedadd": "fuse! fuse adds values, each times its learned share",
        "sequential": "steps in a row stand with `->` between them, or each on its own line: conv(8, 3) -> relu",
        "modulelist moduledict parameterlist parameterdict": "rounds of the same steps are a loop: repeat, or "
        "for; what each does stands in its braces",
        "split chunk slicechannel": "slice takes a part of an axis: slice(0, 2, dim=1)",
        "cropping centercrop": "crop! crop cuts to the size of another value; slice takes a part of an axis: "
        "slice(1, -1, dim=2)",
        "squeeze": "flatten takes axes of one place away, and reshape does: globalavgpool -> flatten",
        "unsqueeze": "reshape gives another number of axes",
        "stack": "concat joins values along an axis that they have",
        "norm normact": "batchnorm, layernorm, groupnorm, instancenorm and rmsnorm are the norms",
        "unflatten viewas reshapeas": "reshape! reshape(like=in) puts flattened places where the input has them, or "
        "another value; reshape(-1, 8, 256) says the sizes",
        "square": "pow! it is pow(2)",
        "cube": "pow! it is pow(3)",
        "rsqrt": "pow! it is pow(-0.5)",
        "reciprocal inverse": "pow! it is pow(-1)",
        "power": "pow! by a number it is pow(2)",
        "average": "of two values it is add { | _ | _ } -> affine(1 / 2), their arms for _",
        "upsamplingbilinear": 'upsample! it is upsample(scale_factor=2, mode="bilinear", align_corners=true)',
        "reflectionpad": 'pad! it is pad with mode="reflect"; a list has pairs, the last axis first',
        "replicationpad": 'pad! it is pad with mode="replicate"; a list has pairs, the last axis first',
        "circularpad": 'pad! it is pad with mode="circular"; a list has pairs, the last axis first',
        "Normalize": "standardize! torchvision's Normalize is standardize(0.5, 0.2), a list for one of each channel; "
        "normalize is another layer, which divides by the length of what it takes",
        "Mean": "ONNX's Mean is the mean of several values: "
        "add { | _ | _ } -> affine(1 / 2); mean(1) that along an axis",
        "Conv": "conv! in some tools Conv takes the input's channels first; conv the channels that it gives: "
        "conv(8, 3)",
        "Scale": "scale! scale learns one factor a channel, scale(dim=none) one for all, as mmcv's does; affine(0.1) "
        "multiplies by a number",
        "rezero gamma residualweight": "scale! a learned factor for all is scale(init=0, dim=none)",
        "normalization rescaling rescale": "standardize! with known numbers it is standardize(0.5, 0.2), a list for "
        "one of each channel, or affine(1 / 255)",
        "HardSigmoid": "hardsigmoid is relu6(x + 3) / 6, as PyTorch has it; ONNX's own HardSigmoid is steeper or "
        "flatter",
        **{
            f"{norm}norm1d {norm}norm2d {norm}norm3d": f"{norm}norm! the input tells {norm}norm its channels and axes: "
            f"{norm}norm"
            for norm in ("batch", "instance")
        },
    },
)
"""What stands where a layer does."""

ARGUMENTS = _table(
    _called("out_channels", "filters numfilter numoutput nfilters outchannel outplanes cout"),
    _called("out_features", "units numhidden numoutput outputdim outdim"),
    _called("kernel", "kernelsize kernelshape poolsize windowsize ksize size"),
    _called("stride", "strides subsample"),
    _called("padding", "pads pad"),
    _called("dilation", "dilations dilationrate dilate"),
    _called("groups", "group numgroup ngroups"),
    _called("num_groups", "groups group numgroup ngroups"),
    _called("bias", "usebias biasterm withbias"),
    _called("eps", "epsilon"),
    _called("p", "rate ratio prob probability dropprob"),
    _called("dim", "axis axes dims"),
    _called("dims", "perm axes dim"),
    _called("negative_slope", "alpha slope leak"),
    _called("scale_factor", "scale scales factor size"),
    _called("size", "outputsize outputshape"),
    _called("mode", "interpolation resizemode"),
    _called("align_corners", "aligncorner"),
    _called("keepdim", "keepdims"),
    _called("init", "kernelinitializer weightinit initializer"),
    _called("shape", "newshape targetshape"),
    _called("start", "starts begin"),
    _called("stop", "ends end"),
    _called("upscale_factor", "blocksize"),
    _called("downscale_factor", "blocksize"),
    _called("blocksize", "upscalefactor downscalefactor"),
    _called("normalized_shape", "normshape"),
    _foreign(
        "beta gamma k step steps length side sides outpadding inpadding autopad border code node use nobias "
        "nonbias unbias debias nogroups act"
    ),
    notes={
        "inplace": "leave it out: nothing here works in place",
        "dtype": "leave it out: everything is float32",
        "device": "leave it out: the network is moved by the program that runs it",
        "activation activationfn actlayer": "an activation is a step of its own: -> relu",
        "batchnormalize usebn usebatchnorm normlayer": "a norm is a step of its own: -> bn",
        "inputshape inputdim batchinputshape inputsize inputs": "leave it out: the model says what goes in, "
        "`model M : [N, 3, 32, 32]`",
        "name": "a label stands in front of the step: conv1: conv(8, 3)",
        "training": "leave it out: the program that runs the module says whether it trains",
        "biasinitializer betainitializer gammainitializer": "leave it out: a bias starts as PyTorch draws it; "
        "bias=[0.5] "
        "gives its numbers",
        "kernelregularizer biasregularizer activityregularizer kernelconstraint biasconstraint weightdecay": "leave it "
        "out: how a network is trained is not written here",
        "returnsequences returnstate": "leave it out: a step gives one value",
        "antialias recomputescalefactor": "leave it out: there is no other way here",
        "dataformat": "leave it out: channels come before the places",
        "returnindices": "leave it out: a step gives one value",
        "nobias": "bias! no_bias=true is bias=false here",
        "center": "bias! center=false is bias=false here",
        "trainable requiresgrad": "frozen! trainable=false is frozen=true here, of a layer or a whole block",
    },
)
"""What stands where the name of an argument does."""

CHOICES = _table(
    _called("replicate", "edge border nearestedge"),
    _called("circular", "wrap"),
    _called("reflect", "reflection mirror"),
    _called("constant", "zero zeros"),
    _called("zeros", "constant zero"),
    _called("same_upper", "sameupper tfsame samepad"),
    _called("kaiming_normal", "henormal msra"),
    _called("kaiming_uniform", "heuniform"),
    _called("xavier_normal", "glorotnormal"),
    _called("xavier_uniform", "glorotuniform xavier"),
    _foreign("area lanczos nearest-exact symmetric cubic lanczos3 lanczos5 erf quick full causal explicit lower upper"),
)
"""What stands where one of several texts does."""

VALUES = _table(
    _foreign(
        "self inf nan pi sum pow sqrt log log2 exp sin cos any all map zip list tuple str bool dict set print sorted"
    ),
    notes={
        "int": "whole numbers come of //, floor() and round()",
        "float": "a number with a point is one: 2.0",
        "null nil": "write none",
    },
)
"""What stands where an expression has a name."""

ATTRIBUTES = _table(
    _called("channels", "c chans nchannels numchannels"),
    _called("rank", "ndim ndims dims dim"),
    _called("shape", "size sizes"),
    _called("batch", "batchsize n"),
    _called("features", "numfeatures infeatures"),
)
"""What is asked of a value: ``in.channels``."""

CONTRARY = tuple(
    tuple(pair.split("/"))
    for pair in (
        "min/max up/down in/out in/un left/right pre/post enc/dec encode/decode first/last start/stop "
        "start/end top/bottom width/height row/col avg/max inner/outer inter/intra hard/soft global/local "
        "add/sub even/odd old/new mean/var src/dst fwd/bwd front/back high/low hi/lo big/small pos/neg "
        "import/export query/key key/value tied/untied lower/upper deep/shallow true/false before/after "
        "open/close"
    ).split()
)
"""Words that are the contrary of each other, or stand for one another's places."""

RESIDUAL = frozenset("residual skip shortcut skipconnection residualblock resblock".split())
"""What steps are called whose result is added to what they take."""

FOREIGN = frozenset().union(LAYERS, ARGUMENTS, CHOICES, VALUES, ATTRIBUTES)
"""The words of all tables."""

Kind = Literal["layer", "argument", "choice", "value", "attribute", "name"]
"""Where a word stands; a "name" is one that only the user gives: of a block, a model, a file, a setting."""

TERMS: Mapping[Kind, Terms] = MappingProxyType(
    {
        "layer": LAYERS,
        "argument": ARGUMENTS,
        "choice": CHOICES,
        "value": VALUES,
        "attribute": ATTRIBUTES,
        "name": MappingProxyType({}),
    }
)
